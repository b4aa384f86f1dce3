"""Schedules go by the database's clock, and cron expressions by UTC, wherever worker and session are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_pgstream._stream_tables.due import not_yet
from airflow_provider_pgstream._stream_tables.health import overdue, scheduler_findings
from airflow_provider_pgstream._stream_tables.schedules import next_time
from airflow_provider_pgstream.models import EngineStatus
from tests.fixtures.catalog import NOON, TABLE

TOKYO = timezone(timedelta(hours=9))
DAILY = replace(TABLE, schedule="0 13 * * *", data_timestamp=NOON.astimezone(TOKYO))


def test_cron_expression_means_utc_whatever_zone_the_moment_is_given_in() -> None:
    due = datetime(2026, 1, 31, 13, 0, tzinfo=UTC)
    assert next_time("0 13 * * *", NOON.astimezone(TOKYO)) == due
    assert next_time("0 13 * * *", NOON) == due


@pytest.mark.parametrize(("hour", "is_due"), [(12, False), (14, True)])
def test_due_and_overdue_go_by_the_databases_clock(hour: int, is_due: bool) -> None:
    table = replace(DAILY, seen_at=NOON.replace(hour=hour))
    assert (not_yet(table) is None) == is_due
    assert bool(overdue({table.name: table})) == is_due


def test_age_of_the_scheduler_goes_by_the_databases_clock() -> None:
    years_ago = datetime(2020, 1, 1, tzinfo=UTC)
    status = EngineStatus(
        extension="pg_stream",
        version="0.1.1",
        postgres_version="18",
        database="postgres",
        enabled=True,
        is_served=True,
        scheduler_serves=True,
        scheduler_since=years_ago,
        can_see_processes=True,
        seen_at=years_ago + timedelta(seconds=3),
    )
    (finding,) = scheduler_findings(status, ["public.t"])
    assert "started 3 s ago" in finding
    assert scheduler_findings(replace(status, seen_at=years_ago + timedelta(hours=1)), ["public.t"]) == []
