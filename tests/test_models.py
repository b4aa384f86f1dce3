"""Models: what is derived from the catalog's rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_pgstream.models import CdcSource, RefreshResult
from tests.fixtures.catalog import NOON, TABLE


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({}, None),
        ({"scheduler_serves": False}, "no scheduler serves this database"),
        ({"status": "SUSPENDED"}, "it is SUSPENDED (paused)"),
        ({"is_populated": False, "status": "INITIALIZING"}, "it was never populated and is INITIALIZING"),
        ({"is_populated": False}, None),
        ({"unscheduled": "has no schedule (CALCULATED)"}, "it has no schedule (CALCULATED)"),
    ],
)
def test_table_that_nobody_will_refresh_says_why(changes: dict[str, object], because: str | None) -> None:
    assert replace(TABLE, **changes).unattended_because == because  # type: ignore[arg-type]


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
        "locked_seconds": None,
        "boundary": None,
    }


def test_source_tells_its_problem_in_a_sentence() -> None:
    sound = CdcSource(5, "public.s", "TRIGGER", None, None, None, "ok", ("public.t",))
    assert sound.problem is None
    assert "change trigger is disabled" in (replace(sound, capture="disabled").problem or "")
    assert "dropped or recreated" in (replace(sound, name=None).problem or "")
    lagging = replace(sound, cdc_mode="WAL", alert="slot_lag_exceeds_threshold: 9 bytes")
    assert lagging.problem == "public.s: slot_lag_exceeds_threshold: 9 bytes"
