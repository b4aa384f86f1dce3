"""Schedules: which are accepted, how they are read, and in which words they are refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

DIFFERS = "it knows other schedules: no NULL, but 'calculated'"

QUERY = "select id from public.source"
UNITS = "Use s (seconds), m (minutes), h (hours), d (days), w (weeks). Example: '5m', '1h30m', '2d'"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("1w2d3h4m5s", 788645),
        (" 5m ", 300),
        ("0", 0),
        ("x", None),
        ("5m3", None),
        ("", None),
        ("* * * * *", None),
    ],
)
def test_duration_in_seconds(engine: Any, text: str, seconds: int | None) -> None:
    assert engine.one("select pgstream.parse_duration_seconds(%s)", text) == seconds


@pytest.mark.parametrize(
    "schedule",
    [
        "90",
        "5m",
        "1h30m",
        "1w",
        "*/5 * * * *",
        "0 6 * * 1-5",
        "0 0 1,15 * *",
        "0 6 * * MON",
        "30 */5 * * * *",
        "0 0 12 * * * 2099",
        "@hourly",
        "@daily",
        "@weekly",
        "@monthly",
        "@yearly",
        None,
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_schedule_is_accepted_and_kept(engine: Any, schedule: str | None) -> None:
    engine.create("public.t", QUERY, schedule)
    assert engine.catalog("public.t")["schedule"] == schedule


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("bogus", f"invalid duration unit 'b' in 'bogus'. {UNITS}"),
        ("-5m", f"invalid duration unit '-' in '-5m'. {UNITS}"),
        ("1.5h", f"invalid duration unit '.' in '1.5h'. {UNITS}"),
        ("1M", f"invalid duration unit 'M' in '1M'. {UNITS}"),
        ("m", "expected a number before 'm' in duration 'm'"),
        (
            "5m3",
            "trailing digits '3' without a unit in duration '5m3'. Append s, m, h, d, or w. Example: '1h30m'",
        ),
        ("", "schedule cannot be empty"),
        ("0", "schedule must be at least 1s, got 0s"),
        ("0m", "schedule must be at least 1s, got 0s"),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_bad_duration_is_refused(engine: Any, schedule: str, problem: str) -> None:
    with pytest.raises(psycopg.errors.InternalError_) as refused:
        engine.create("public.t", QUERY, schedule)
    assert refused.value.diag.message_primary == f"invalid argument: {problem}"


@pytest.mark.parametrize(
    "schedule", ["* * * *", "99 * * * *", "@bogus", "* * * * * * * *", "a b c d e", "*/0 * * * *"]
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_bad_cron_is_refused(engine: Any, schedule: str) -> None:
    with pytest.raises(psycopg.errors.InternalError_) as refused:
        engine.create("public.t", QUERY, schedule)
    assert str(refused.value.diag.message_primary).startswith(
        f"invalid argument: invalid cron expression '{schedule}': "
    )


@pytest.mark.pg_stream_only(DIFFERS)
def test_shortest_duration_is_a_setting(engine: Any) -> None:
    engine.run("set pg_stream.min_schedule_seconds = 60")
    with pytest.raises(psycopg.errors.InternalError_, match="schedule must be at least 60s, got 30s"):
        engine.run(f"select pgstream.create_stream_table('public.t', '{QUERY}', '30s')")
    engine.run(f"select pgstream.create_stream_table('public.t', '{QUERY}', '60s')")


@pytest.mark.pg_stream_only(DIFFERS)
def test_bad_schedule_is_refused_by_alter_too(engine: Any) -> None:
    engine.create("public.t", QUERY, "5m")
    with pytest.raises(
        psycopg.errors.InternalError_, match="invalid argument: invalid duration unit 'b' in 'bogus'"
    ):
        engine.run("select pgstream.alter_stream_table('public.t', schedule => 'bogus')")
    assert engine.catalog("public.t")["schedule"] == "5m"
