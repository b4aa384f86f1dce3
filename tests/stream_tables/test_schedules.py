"""Schedules: durations and cron expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_pgstream._stream_tables.schedules import next_time, seconds

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "length"),
    [("90", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800), (" 5M ", 300)],
)
def test_duration_is_read_in_seconds(schedule: str, length: int) -> None:
    assert seconds(schedule) == length
    assert next_time(schedule, NOON) == NOON + timedelta(seconds=length)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("*/5 * * * *", NOON + timedelta(minutes=5)),
        ("@hourly", NOON + timedelta(hours=1)),
        ("30 * * * * *", NOON + timedelta(seconds=30)),
    ],
)
def test_cron_expression_is_due_at_its_next_time(schedule: str, due: datetime) -> None:
    assert seconds(schedule) is None
    assert next_time(schedule, NOON) == due


def test_schedule_that_is_not_understood_is_never_due() -> None:
    assert next_time("now and then", NOON) is None
