"""Versions that nobody has run here differ in what exists: what is found decides, and nothing else."""

from __future__ import annotations

import pytest

from airflow_provider_pgstream._engines.detect import as_found
from airflow_provider_pgstream._engines.engine import Found
from airflow_provider_pgstream._stream_tables.cleaning import clean
from airflow_provider_pgstream._stream_tables.consistent import refuse_scheduled
from airflow_provider_pgstream._stream_tables.lifecycle import trim
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.models import Source
from tests.fixtures.catalog import TABLE

TRIED = as_found("pg_trickle", Found(arguments=frozenset({("repair_stream_table", frozenset({"name"}))})))
LATER = as_found(
    "pg_trickle",
    Found(
        arguments=frozenset(
            {
                ("repair_stream_table", frozenset({"name"})),
                ("reinitialize_stream_table", frozenset({"name"})),
            }
        ),
        relations=frozenset({"pgt_change_buffers"}),
    ),
)


def test_version_that_keeps_positions_is_repaired_by_its_own_function() -> None:
    assert (TRIED.keeps_positions, TRIED.repair) == (False, None)
    assert (LATER.keeps_positions, LATER.repair) == (True, "reinitialize_stream_table")


def test_its_change_buffers_are_neither_trimmed_nor_cleaned() -> None:
    with pytest.raises(StopIteration) as end:
        next(trim(LATER, None))
    assert end.value.value == {}
    with pytest.raises(StopIteration):
        next(clean([Source(5, "public", "s", "TABLE")], LATER, 1.0))
    assert next(clean([Source(5, "public", "s", "TABLE")], TRIED, 1.0))


def test_its_stream_tables_are_not_refreshed_as_of_one_moment() -> None:
    with pytest.raises(InvalidStreamTable, match="consistent=True is not possible on this pg_trickle"):
        refuse_scheduled([TABLE], LATER)
