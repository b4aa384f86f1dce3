"""Altering a stream table."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "its errors have SQLSTATEs, and it knows other modes"

QUERY = "select id, v from public.source"


def test_null_leaves_everything_as_it_is(engine: Any) -> None:
    engine.create("public.t", QUERY, "5m")
    before = engine.catalog("public.t")
    engine.run("select pgstream.alter_stream_table('public.t')")
    after = engine.catalog("public.t")
    assert [after[key] for key in ("schedule", "refresh_mode", "status")] == ["5m", "DIFFERENTIAL", "ACTIVE"]
    assert after["data_timestamp"] == before["data_timestamp"]


@pytest.mark.parametrize("schedule", ["10m", "@daily", "*/5 * * * *"])
def test_schedule_is_changed(engine: Any, schedule: str) -> None:
    engine.create("public.t", QUERY, "5m")
    engine.run(f"select pgstream.alter_stream_table('public.t', schedule => '{schedule}')")
    assert engine.catalog("public.t")["schedule"] == schedule


def test_schedule_cannot_be_set_back_to_null(engine: Any) -> None:
    engine.create("public.t", QUERY, "5m")
    engine.run("select pgstream.alter_stream_table('public.t', schedule => null)")
    assert engine.catalog("public.t")["schedule"] == "5m"


@pytest.mark.parametrize("word", ["FULL", "full"])
def test_mode_is_changed(engine: Any, word: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(f"select pgstream.alter_stream_table('public.t', refresh_mode => '{word}')")
    assert engine.catalog("public.t")["refresh_mode"] == "FULL"
    assert engine.refresh("public.t") == ["Stream table public.t refreshed (FULL)"]


@pytest.mark.pg_stream_only(DIFFERS)
def test_unknown_mode_is_refused(engine: Any) -> None:
    engine.create("public.t", QUERY)
    with engine.refuses("invalid argument: unknown refresh mode: AUTO. Must be 'FULL' or 'DIFFERENTIAL'"):
        engine.run("select pgstream.alter_stream_table('public.t', refresh_mode => 'AUTO')")


@pytest.mark.parametrize("word", ["INITIALIZING", "ACTIVE", "SUSPENDED", "ERROR", "suspended", "Active"])
def test_status_is_accepted_in_any_case(engine: Any, word: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(f"select pgstream.alter_stream_table('public.t', status => '{word}')")
    assert engine.catalog("public.t")["status"] == word.upper()


@pytest.mark.parametrize("word", ["PAUSED", "RESUMED", ""])
@pytest.mark.pg_stream_only(DIFFERS)
def test_unknown_status_is_refused(engine: Any, word: str) -> None:
    engine.create("public.t", QUERY)
    with engine.refuses(f"invalid argument: unknown status: {word}"):
        engine.run(f"select pgstream.alter_stream_table('public.t', status => '{word}')")


def test_resuming_forgives_the_errors(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("update pgstream.pgs_stream_tables set consecutive_errors = 3, status = 'SUSPENDED'")
    engine.run("select pgstream.alter_stream_table('public.t', status => 'ACTIVE')")
    found = engine.catalog("public.t")
    assert (found["status"], found["consecutive_errors"]) == ("ACTIVE", 0)


def test_altered_table_is_updated_later_than_created(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("select pgstream.alter_stream_table('public.t', schedule => '10m')")
    found = engine.catalog("public.t")
    assert found["updated_at"] > found["created_at"]
