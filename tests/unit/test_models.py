"""Models: what is derived from the catalog's rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_pgstream.catalog import in_dependency_order
from airflow_provider_pgstream.health import overdue
from airflow_provider_pgstream.models import CdcSource, RefreshResult, Source, StreamTable
from airflow_provider_pgstream.program import Reply
from airflow_provider_pgstream.safe_refresh import refresh_result

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TABLE = StreamTable(
    pgs_id=1,
    storage_oid=10,
    name="public.t",
    status="ACTIVE",
    refresh_mode="DIFFERENTIAL",
    is_populated=True,
    schedule="5m",
    data_timestamp=NOON,
    last_refresh_at=NOON,
    staleness=1.0,
    consecutive_errors=0,
    needs_reinit=False,
    query="select id from public.s",
    sources=(Source(5, "public", "s", "TABLE"),),
    functions_used=(),
    created_at=NOON,
    scheduler_serves=True,
    detached=False,
)


def reading(name: str, *upstream: str) -> StreamTable:
    sources = tuple(Source(i, *up.split("."), "STREAM_TABLE") for i, up in enumerate(upstream))  # type: ignore[misc]
    return replace(TABLE, name=name, sources=sources)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({}, None),
        ({"scheduler_serves": False}, "no scheduler serves this database"),
        ({"status": "SUSPENDED"}, "it is SUSPENDED (paused)"),
        ({"is_populated": False, "status": "INITIALIZING"}, "it was never populated and is INITIALIZING"),
        ({"is_populated": False}, None),
        ({"schedule": None}, "it has no schedule (CALCULATED)"),
        ({"schedule": None, "is_populated": False}, None),
    ],
)
def test_table_that_nobody_will_refresh_says_why(changes: dict[str, object], because: str | None) -> None:
    assert replace(TABLE, **changes).unattended_because == because  # type: ignore[arg-type]


def test_table_is_overdue_a_while_after_its_time() -> None:
    tables = {"public.t": TABLE}
    assert overdue(tables, NOON.replace(minute=5, second=20)) == ()
    assert overdue(tables, NOON.replace(minute=5, second=40)) == ("public.t",)
    assert overdue({"public.t": replace(TABLE, schedule=None)}, NOON.replace(hour=20)) == ()
    assert overdue({"public.t": replace(TABLE, status="SUSPENDED")}, NOON.replace(hour=20)) == ()


def test_result_is_json_with_times_in_utc() -> None:
    result = RefreshResult("refreshed", "FULL", seconds=0.5, data_timestamp=NOON)
    assert result.to_json() == {
        "outcome": "refreshed",
        "action": "FULL",
        "rows_inserted": None,
        "rows_deleted": None,
        "seconds": 0.5,
        "data_timestamp": "2026-01-31T12:00:00+00:00",
        "reason": None,
    }


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        ("Stream table s.t refreshed (FULL)", ("FULL", None, None)),
        ("Stream table s.t refreshed (DIFFERENTIAL: +12 -3)", ("DIFFERENTIAL", 12, 3)),
        ("something else", (None, None, None)),
    ],
)
def test_engines_word_on_a_refresh_is_read(notice: str, expected: tuple[object, ...]) -> None:
    result = refresh_result(Reply(notices=("[PGS_PROFILE] x", notice)))
    assert (result.action, result.rows_inserted, result.rows_deleted) == expected


def test_order_holds_through_tables_that_are_not_asked_for() -> None:
    tables = {t.name: t for t in (reading("s.c", "s.b"), reading("s.b", "s.a"), reading("s.a"))}
    assert in_dependency_order(["s.c", "s.a"], tables) == ["s.a", "s.c"]
    assert in_dependency_order(["s.c"], tables, include_upstream=True) == ["s.a", "s.b", "s.c"]
    assert in_dependency_order(["s.unknown", "s.c"], tables) == ["s.unknown", "s.c"]


def test_source_tells_its_problem_in_a_sentence() -> None:
    sound = CdcSource(5, "public.s", "TRIGGER", None, None, None, "ok", ("public.t",))
    assert sound.problem is None
    assert "change trigger is disabled" in (replace(sound, capture="disabled").problem or "")
    assert "dropped or made anew" in (replace(sound, name=None).problem or "")
    lagging = replace(sound, cdc_mode="WAL", alert="slot_lag_exceeds_threshold: 9 bytes")
    assert lagging.problem == "public.s: slot_lag_exceeds_threshold: 9 bytes"
