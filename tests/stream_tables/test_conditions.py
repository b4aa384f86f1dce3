"""Conditions: what every one says of a stream table in each state; no database is needed to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_pgstream import exceptions
from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Fresh, InStatus, Outcome, Populated
from tests.fixtures.catalog import TABLE

NAME = TABLE.name
HOUR_OLD = {"staleness": 3600.0}
EMPTY: dict[str, Any] = {
    "is_populated": False,
    "status": "INITIALIZING",
    "data_timestamp": None,
    "staleness": None,
}
PAUSED, FAILING, UNSERVED = {"status": "SUSPENDED"}, {"status": "ERROR"}, {"scheduler_serves": False}
MINUTE = Fresh(max_staleness=60)
LATER = Fresh(fresh_as_of="2026-01-31T12:30:00+00:00")
BOTH = Fresh(max_staleness=60, fresh_as_of="2026-01-31T11:00:00+00:00")


@pytest.mark.parametrize(
    ("condition", "changes", "said"),
    [
        (Populated(), {}, ""),
        (Populated(), PAUSED, "nothing refreshes it any more"),
        (Populated(), FAILING, "nothing refreshes it any more"),
        (MINUTE, {}, ""),
        (MINUTE, PAUSED, "nothing refreshes it any more"),
        (BOTH, {}, ""),
        (InStatus(), {}, ""),
        (InStatus("SUSPENDED"), PAUSED, ""),
        (InStatus("ERROR"), FAILING, ""),
    ],
)
def test_wait_is_over(condition: Any, changes: dict[str, Any], said: str) -> None:
    verdict = condition.judge(NAME, replace(TABLE, **changes))
    assert verdict.outcome is Outcome.DONE
    assert said in verdict.reason
    assert bool(said) == bool(verdict.reason)


@pytest.mark.parametrize(
    ("condition", "changes", "said"),
    [
        (Populated(), {"is_populated": False}, "is not populated yet"),
        (Populated("wait"), EMPTY, "waits for another process to populate it: it was never populated"),
        (Populated("wait"), EMPTY | UNSERVED, "no scheduler serves this database"),
        (MINUTE, HOUR_OLD, "older than max_staleness = 60 s"),
        (MINUTE, HOUR_OLD | UNSERVED, "waits for another process to refresh it: no scheduler serves"),
        (LATER, {}, "before fresh_as_of = 2026-01-31T12:30:00+00:00"),
        (BOTH, HOUR_OLD, "older than max_staleness"),
        (BOTH, {"data_timestamp": datetime(2026, 1, 31, 10, tzinfo=UTC)}, "before fresh_as_of"),
        (InStatus(), PAUSED, "is SUSPENDED (paused), not ACTIVE"),
        (InStatus("SUSPENDED"), {}, "is ACTIVE, not SUSPENDED (paused)"),
    ],
)
def test_wait_goes_on(condition: Any, changes: dict[str, Any], said: str) -> None:
    verdict = condition.judge(NAME, replace(TABLE, **changes))
    assert verdict.outcome is Outcome.WAIT
    assert said in verdict.reason
    assert NAME in verdict.reason


@pytest.mark.parametrize(
    ("condition", "changes", "error"),
    [
        (Populated(), EMPTY, "StreamTableUnattended"),
        (Populated(), {"is_populated": False} | UNSERVED, "StreamTableUnattended"),
        (Populated("wait"), EMPTY | PAUSED, "StreamTableSuspended"),
        (Populated("wait"), EMPTY | FAILING, "StreamTableFailed"),
        (MINUTE, EMPTY, "StreamTableUnattended"),
        (MINUTE, HOUR_OLD | PAUSED, "StreamTableSuspended"),
        (MINUTE, HOUR_OLD | FAILING, "StreamTableFailed"),
        (Fresh(max_staleness=60, error_staleness=600), HOUR_OLD, "StreamTableStale"),
        (InStatus(), FAILING, "StreamTableFailed"),
    ],
)
def test_wait_will_never_end(condition: Any, changes: dict[str, Any], error: str) -> None:
    verdict = condition.judge(NAME, replace(TABLE, **changes))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.error is getattr(exceptions, error)
    assert NAME in verdict.reason


def every_condition() -> list[type[Any]]:
    """Return what the module defines with a ``judge``, but for the protocol."""
    found = [kind for kind in vars(conditions).values() if isinstance(kind, type) and hasattr(kind, "judge")]
    return [kind for kind in found if kind is not conditions.Condition]


@pytest.mark.parametrize("kind", every_condition())
def test_every_condition_fails_where_there_is_no_table_and_comes_back_from_json(kind: type[Any]) -> None:
    condition = kind()
    verdict = condition.judge("public.nothing", None)
    assert (verdict.outcome, verdict.error) == (Outcome.FAIL, exceptions.StreamTableNotFound)
    assert "stream table public.nothing does not exist" in verdict.reason
    assert conditions.from_json(conditions.to_json(condition)) == condition


def test_what_is_no_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="not a condition"):
        conditions.from_json({"kind": "Eventually"})
