"""What the engine says of a refresh."""

from __future__ import annotations

import pytest

from airflow_provider_pgstream._engines.known.pg_stream import ENGINE
from airflow_provider_pgstream._engines.programs import Reply
from airflow_provider_pgstream._stream_tables.refresh_at import refresh_result


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        ("Stream table s.t refreshed (FULL)", ("FULL", None, None)),
        ("Stream table s.t refreshed (DIFFERENTIAL: +12 -3)", ("DIFFERENTIAL", 12, 3)),
        ("something else", (None, None, None)),
    ],
)
def test_engines_word_on_a_refresh_is_read(notice: str, expected: tuple[object, ...]) -> None:
    result = refresh_result(Reply(notices=("[PGS_PROFILE] x", notice)), ENGINE)
    assert (result.action, result.rows_inserted, result.rows_deleted) == expected
