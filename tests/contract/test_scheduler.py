"""The scheduler of database ``postgres``: what it does, records and says."""

from __future__ import annotations

import json
from typing import Any

import pytest

DIFFERS = "its scheduler populates no table by itself, and notes and notifies otherwise"

QUERY = "select id, v from public.source"


def _later(engine: Any, name: str, action: str) -> None:
    """Wait until the scheduler has done this with a table."""
    pgs_id = engine.catalog(name)["pgs_id"]
    engine.until(
        "select count(*) > 0 from pgstream.pgs_refresh_history where pgs_id = %s and action = %s",
        pgs_id,
        action,
    )


def _notifications(engine: Any, name: str, timeout: float = 2) -> list[dict[str, Any]]:
    received = [json.loads(notice.payload) for notice in engine.main.notifies(timeout=timeout, stop_after=50)]
    return [notice for notice in received if notice.get("st") == name]


def test_scheduler_is_seen_at_work(engine: Any) -> None:
    # Two ways to know one: a client process, as the emulator's, cannot have a backend type of its own.
    seen = (
        "select count(*) > 0 from pg_stat_activity "
        "where 'pg_stream scheduler' in (backend_type, application_name)"
    )
    if engine.server is None:
        assert engine.one(seen)
        return
    engine.server.start_scheduler()
    assert engine.one(seen)
    engine.server.stop_scheduler()


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_due_table_takes_in_a_change(engine: Any, mode: str) -> None:
    engine.create("public.t", QUERY, "1s", mode)
    engine.run("insert into source values (5, 'x', 5)")
    engine.until("select count(*) = 5 from t")
    assert mode in engine.history("public.t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_nothing_changed_is_no_data_and_moves_the_timestamps(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    before = engine.catalog("public.t")
    _later(engine, "public.t", "NO_DATA")
    after = engine.catalog("public.t")
    assert after["data_timestamp"] > before["data_timestamp"]
    assert after["last_refresh_at"] > before["last_refresh_at"]


@pytest.mark.pg_stream_only(DIFFERS)
def test_truncate_is_called_differential(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.run("truncate source")
    engine.until("select count(*) = 0 from t")
    assert "FULL" not in engine.history("public.t")


def test_cron_schedule_is_kept(engine: Any) -> None:
    engine.create("public.t", QUERY, "* * * * * *")
    engine.run("insert into source values (5, 'x', 5)")
    engine.until("select count(*) = 5 from t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_table_that_is_not_due_is_left_alone(engine: Any) -> None:
    engine.create("public.t", QUERY, "1h")
    engine.run("insert into source values (5, 'x', 5)")
    engine.turns(2)
    assert engine.history("public.t") == []


@pytest.mark.emulator_only("cron schedules")
def test_cron_schedule_that_is_not_due_is_left_alone(engine: Any) -> None:
    engine.create("public.t", QUERY, "@yearly")
    engine.turns(2)
    assert engine.history("public.t") == []
    year = 366 * 24 * 3600
    assert engine.server.run_scheduler(later=year) == {"public.t": "NO_DATA"}


@pytest.mark.pg_stream_only(DIFFERS)
def test_calculated_schedule_is_not_driven(engine: Any) -> None:
    engine.create("public.below", QUERY, "1s")
    engine.create("public.t", QUERY, None)
    engine.create("public.above", "select count(id) as n from public.below", None)
    engine.run("insert into source values (5, 'x', 5)")
    engine.turns(2)
    assert engine.history("public.t") == []
    assert engine.history("public.above") == []


@pytest.mark.parametrize("schedule", ["1s", None])
def test_uninitialized_table_is_never_populated(engine: Any, schedule: str | None) -> None:
    engine.create("public.t", QUERY, schedule, initialize=False)
    engine.turns(2)
    assert engine.catalog("public.t")["status"] == "INITIALIZING"
    assert not engine.catalog("public.t")["is_populated"]


@pytest.mark.parametrize("schedule", ["1s", "1h", None])
@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_uninitialized_table_is_populated_once_it_is_active(
    engine: Any, schedule: str | None, mode: str
) -> None:
    engine.create("public.t", QUERY, schedule, mode, initialize=False)
    engine.run("select pgstream.alter_stream_table('public.t', status => 'ACTIVE')")
    engine.until("select is_populated from pgstream.pgs_stream_tables where pgs_name = 't'")
    assert engine.history("public.t")[0] == mode
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.parametrize("status", ["SUSPENDED", "ERROR"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_table_that_is_not_active_is_left_alone(engine: Any, status: str) -> None:
    engine.create("public.t", QUERY, "1h")
    engine.run(
        f"select pgstream.alter_stream_table('public.t', status => '{status}', schedule => '1s')",
        "insert into source values (5, 'x', 5)",
    )
    engine.turns(2)
    assert engine.history("public.t") == []
    engine.run("select pgstream.alter_stream_table('public.t', status => 'ACTIVE')")
    engine.until("select count(*) = 5 from t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_history_says_who_when_and_how_much(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s", "FULL")
    engine.run("insert into source values (5, 'x', 5)")
    _later(engine, "public.t", "FULL")
    assert engine.one(
        "select status, initiated_by, rows_inserted, rows_deleted, error_message, start_time = end_time, "
        "freshness_deadline is not null from pgstream.pgs_refresh_history where action = 'FULL' "
        "and pgs_id = (select pgs_id from pgstream.pgs_stream_tables where pgs_name = 't') "
        "order by refresh_id limit 1"
    ) == ("COMPLETED", "SCHEDULER", 5, 0, None, True, True)


def test_history_function_shows_the_latest_first(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    _later(engine, "public.t", "NO_DATA")
    engine.turns(2)
    ids = [
        refresh_id
        for (refresh_id,) in engine.rows("select refresh_id from pgstream.get_refresh_history('public.t')")
    ]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) >= 2
    assert len(engine.rows("select from pgstream.get_refresh_history('public.t', 1)")) == 1
    assert engine.rows("select from pgstream.get_refresh_history('public.missing')") == []


@pytest.mark.pg_stream_only(DIFFERS)
def test_completed_refresh_is_notified(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s", "FULL")
    engine.run("listen pg_stream_alert", "insert into source values (5, 'x', 5)")
    _later(engine, "public.t", "FULL")
    notice = next(n for n in _notifications(engine, "public.t") if n["action"] == "FULL")
    assert isinstance(notice.pop("duration_ms"), int)
    assert notice == {
        "event": "refresh_completed",
        "pgs_schema": "public",
        "pgs_name": "t",
        "st": "public.t",
        "action": "FULL",
        "rows_inserted": 5,
        "rows_deleted": 0,
    }


@pytest.mark.pg_stream_only(DIFFERS)
def test_refresh_without_data_is_notified_too(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.run("listen pg_stream_alert")
    _later(engine, "public.t", "NO_DATA")
    assert "NO_DATA" in {notice["action"] for notice in _notifications(engine, "public.t")}


@pytest.mark.pg_stream_only(DIFFERS)
def test_reinitialization_is_notified_as_a_refresh(engine: Any) -> None:
    engine.create("public.t", QUERY, "1h")
    engine.run("listen pg_stream_alert", "alter table source add column extra int")
    _later(engine, "public.t", "REINITIALIZE")
    events = [(notice["event"], notice["action"]) for notice in _notifications(engine, "public.t")]
    assert events == [("refresh_completed", "REINITIALIZE")]


@pytest.mark.emulator_only("settings at run time")
def test_disabled_scheduler_does_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.run("alter system set pg_stream.enabled = off", "select pg_reload_conf()")
    while engine.one("show pg_stream.enabled") != "off":
        pass
    engine.run("insert into source values (5, 'x', 5)")
    assert engine.server.run_scheduler(later=10) == {}
    engine.run("alter system reset pg_stream.enabled", "select pg_reload_conf()")
    engine.until("select count(*) = 5 from t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_statistics_count_the_schedulers_refreshes(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    assert engine.one(
        "select total_refreshes, total_rows_inserted, avg_duration_ms, last_refresh_action, stale "
        "from pgstream.st_refresh_stats()"
    ) == (0, 0, 0, None, False)
    _later(engine, "public.t", "NO_DATA")
    total, good, bad, action, status = engine.one(
        "select total_refreshes, successful_refreshes, failed_refreshes, "
        "last_refresh_action, last_refresh_status from pgstream.st_refresh_stats() where pgs_name = 't'"
    )
    assert (total, bad, action, status) == (good, 0, "NO_DATA", "COMPLETED")
    assert total >= 1


@pytest.mark.emulator_only("stream tables on stream tables")
def test_stream_table_on_a_stream_table_follows(engine: Any) -> None:
    engine.create("public.below", QUERY, "1s")
    engine.create("public.above", "select count(id) as n from public.below", "1s")
    engine.create("public.top", "select n * 2 as m from public.above", "1s")
    engine.run("insert into source values (5, 'x', 5)")
    turn = engine.server.run_scheduler(later=2)
    assert list(turn) == ["public.below", "public.above", "public.top"]
    assert engine.one("select m from top") == 10
    assert engine.server.run_scheduler(later=2) == dict.fromkeys(turn, "NO_DATA")


@pytest.mark.pg_stream_only("a scheduled refresh that fails ends in ERROR, and is told in the catalog alone")
@pytest.mark.emulator_only("one failing table")
def test_failing_table_does_not_stop_the_others(engine: Any) -> None:
    engine.create("public.bad", "select id, 1 / id as x from public.source", "1s")
    engine.create("public.good", QUERY, "1s")
    engine.run("insert into source values (0, 'zero', 0)")
    assert engine.server.run_scheduler(later=2) == {"public.bad": "FAILED", "public.good": "DIFFERENTIAL"}
    assert engine.catalog("public.bad")["consecutive_errors"] == 1
    assert engine.one(
        "select h.status, h.action, h.error_message from pgstream.pgs_refresh_history h "
        "join pgstream.pgs_stream_tables s using (pgs_id) where pgs_name = 'bad'"
    ) == ("FAILED", "DIFFERENTIAL", "division by zero")


@pytest.mark.pg_stream_only("a scheduled refresh that fails ends in ERROR, and is told in the catalog alone")
@pytest.mark.emulator_only("one failing table")
def test_failing_table_is_suspended_after_three_errors(engine: Any) -> None:
    engine.create("public.bad", "select id, 1 / id as x from public.source", "1s")
    engine.run("insert into source values (0, 'zero', 0)", "listen pg_stream_alert")
    for errors, status in ((1, "ACTIVE"), (2, "ACTIVE"), (3, "SUSPENDED")):
        engine.turns()
        found = engine.catalog("public.bad")
        assert (found["consecutive_errors"], found["status"]) == (errors, status)
    events = _notifications(engine, "public.bad")
    assert [notice["event"] for notice in events] == ["refresh_failed"] * 3 + ["auto_suspended"]
    assert events[0]["error"] == "division by zero"
    assert events[-1]["consecutive_errors"] == 3


@pytest.mark.pg_stream_only("a scheduled refresh that fails ends in ERROR, and is told in the catalog alone")
@pytest.mark.emulator_only("one failing table")
def test_success_zeroes_the_errors(engine: Any) -> None:
    engine.create("public.bad", "select id, 1 / id as x from public.source", "1s")
    engine.run("insert into source values (0, 'zero', 0)")
    engine.turns(2)
    engine.run("delete from source where id = 0")
    engine.turns()
    found = engine.catalog("public.bad")
    assert (found["consecutive_errors"], found["status"]) == (0, "ACTIVE")


@pytest.mark.pg_stream_only("a scheduled refresh that fails ends in ERROR, and is told in the catalog alone")
@pytest.mark.emulator_only("one failing table")
def test_failure_text_is_escaped_no_further_than_its_quotes(engine: Any) -> None:
    engine.run('create table odd ("a\\b" int primary key)', "insert into odd values (1)")
    engine.create("public.bad", 'select "a\\b" as x from public.odd', "1s", "FULL")
    engine.run(
        'alter table odd rename column "a\\b" to c',
        "alter table odd disable trigger all",
        "listen pg_stream_alert",
    )
    engine.run("alter table odd add column d int")
    engine.turns()
    payload = next(notice.payload for notice in engine.main.notifies(timeout=2, stop_after=1))
    assert 'column \\"a\\b\\" does not exist' in payload


@pytest.mark.pg_stream_only("a scheduled refresh that fails ends in ERROR, and is told in the catalog alone")
@pytest.mark.emulator_only("one failing table")
def test_long_failure_is_cut_in_the_notification_and_whole_in_the_history(engine: Any) -> None:
    engine.run(
        "create function shout(id int) returns int language plpgsql immutable as "
        "$$ begin if id > 0 then return id; end if; raise exception '%', repeat('ü', 9000); end $$"
    )
    engine.create("public.bad", "select id, public.shout(id) as x from public.source", "1s", "FULL")
    engine.run("insert into source values (0, 'zero', 0)", "listen pg_stream_alert")
    assert engine.server.run_scheduler(later=2) == {"public.bad": "FAILED"}
    payload = next(notice.payload for notice in engine.main.notifies(timeout=2, stop_after=1))
    assert payload.endswith("üüü")
    assert 7899 <= len(payload.encode()) <= 7900
    assert engine.one("select length(error_message) from pgstream.pgs_refresh_history") == 9000


@pytest.mark.pg_stream_only(DIFFERS)
def test_busy_table_is_passed_over_without_a_trace(engine: Any) -> None:
    engine.create("public.t", QUERY, "1h")
    engine.run(f"select pg_advisory_lock({engine.catalog('public.t')['pgs_id']})")
    engine.run("select pgstream.alter_stream_table('public.t', schedule => '1s')")
    engine.turns(2)
    assert engine.history("public.t") == []
    engine.run("select pg_advisory_unlock_all()")
    _later(engine, "public.t", "NO_DATA")
