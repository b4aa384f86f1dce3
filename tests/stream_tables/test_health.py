"""Which stream tables a scheduler should have refreshed by now."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_pgstream._stream_tables.health import overdue
from tests.fixtures.catalog import NOON, TABLE


def test_table_is_overdue_a_while_after_its_time() -> None:
    def late(**changes: object) -> bool:
        return bool(overdue({"public.t": replace(TABLE, **changes)}))  # type: ignore[arg-type]

    assert not late(seen_at=NOON.replace(minute=5, second=20))
    assert late(seen_at=NOON.replace(minute=5, second=40))
    assert not late(seen_at=NOON.replace(hour=20), schedule=None)
    assert not late(seen_at=NOON.replace(hour=20), status="SUSPENDED")
