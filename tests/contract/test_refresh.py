"""Refreshing by hand: what it does, what it says, and when it refuses."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "its refreshes by hand leave history, and one that finds another at work is skipped"

QUERY = "select id, v from public.source"
FIRST = "Stream table public.t: no previous frontier, performing FULL refresh first"
FULL = "Stream table public.t refreshed (FULL)"
NOTHING = "Stream table public.t refreshed (DIFFERENTIAL: +0 -0)"
BUSY = "refresh skipped: public.t — another refresh is already in progress"


@pytest.mark.pg_stream_only(DIFFERS)
def test_first_refresh_after_creation_is_full(engine: Any) -> None:
    engine.create("public.t", QUERY)
    assert engine.refresh("public.t") == [FIRST, FULL]


def test_second_refresh_is_differential(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("insert into source values (5, 'x', 5)")
    assert "Stream table public.t refreshed (DIFFERENTIAL: +1 -0)" in engine.refresh("public.t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_refresh_with_nothing_to_do_says_so_and_moves_the_timestamps(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    before = engine.catalog("public.t")
    assert engine.refresh("public.t") == [NOTHING]
    after = engine.catalog("public.t")
    assert after["data_timestamp"] > before["data_timestamp"]
    assert after["last_refresh_at"] > before["last_refresh_at"]


def test_refresh_in_full_mode_is_full_each_time(engine: Any) -> None:
    engine.create("public.t", QUERY, refresh_mode="FULL")
    assert engine.refresh("public.t") == [FULL]
    assert engine.refresh("public.t") == [FULL]


def test_truncate_is_answered_with_all_rows(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("truncate source", "insert into source values (9, 'q', 9)")
    said = engine.refresh("public.t")
    assert said[0].endswith("Source table TRUNCATE detected — falling back to FULL refresh for public.t")
    assert said[1] == "Stream table public.t refreshed (DIFFERENTIAL: +1 -0)"
    assert engine.rows("select id from t") == [(9,)]


@pytest.mark.pg_stream_only(DIFFERS)
def test_stream_table_on_a_stream_table_is_refreshed_in_full(engine: Any) -> None:
    engine.create("public.below", QUERY)
    engine.create("public.t", "select count(id) as n from public.below")
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.below")
    for _ in range(2):
        assert engine.refresh("public.t") == [FIRST, FULL]
    assert engine.one("select n from t") == 5
    assert engine.catalog("public.t")["frontier"]["sources"] == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_refresh_leaves_no_history_and_no_notification(engine: Any) -> None:
    engine.run("listen pg_stream_alert")
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    assert engine.history("public.t") == []
    assert list(engine.main.notifies(timeout=0.1)) == []


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_refresh_populates_an_uninitialized_table(engine: Any, mode: str) -> None:
    engine.create("public.t", QUERY, refresh_mode=mode, initialize=False)
    assert engine.refresh("public.t")[-1] == FULL
    found = engine.catalog("public.t")
    assert (found["status"], found["is_populated"]) == ("ACTIVE", True)
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_suspended_table_refuses_a_refresh(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("select pgstream.alter_stream_table('public.t', status => 'SUSPENDED')")
    text = "invalid argument: stream table public.t is suspended; use pgstream.resume_stream_table() first"
    with engine.refuses(text):
        engine.refresh("public.t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_there_is_no_resume_function(engine: Any) -> None:
    with engine.refuses(None, "42883"):
        engine.run("select pgstream.resume_stream_table('public.t')")


@pytest.mark.parametrize("status", ["ERROR", "INITIALIZING"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_refresh_brings_a_table_back_to_active(engine: Any, status: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(f"select pgstream.alter_stream_table('public.t', status => '{status}')")
    engine.refresh("public.t")
    assert engine.catalog("public.t")["status"] == "ACTIVE"


@pytest.mark.pg_stream_only(DIFFERS)
def test_refresh_beside_another_one_is_refused(engine: Any) -> None:
    engine.create("public.t", QUERY)
    pgs_id = engine.catalog("public.t")["pgs_id"]
    engine.run(f"select pg_advisory_lock({pgs_id})")
    with engine.refuses(BUSY):
        engine.refresh("public.t")


@pytest.mark.pg_stream_only(DIFFERS)
def test_failed_refresh_leaves_its_lock_with_its_session(engine: Any) -> None:
    engine.create("public.t", "select id, 1 / id as x from public.source", refresh_mode="FULL")
    engine.run("insert into source values (0, 'zero', 0)")
    failing = engine.connect()
    with engine.refuses("division by zero", "22012"):
        failing.execute("select pgstream.refresh_stream_table('public.t')")
    engine.run("delete from source where id = 0")
    with engine.refuses(BUSY):
        engine.refresh("public.t")
    failing.execute("select pg_advisory_unlock_all()")
    assert engine.refresh("public.t") == [FULL]


def test_lock_of_a_failed_refresh_ends_with_its_session(engine: Any) -> None:
    engine.create("public.t", "select id, 1 / id as x from public.source", refresh_mode="FULL")
    engine.run("insert into source values (0, 'zero', 0)")
    failing = engine.connect()
    with engine.refuses("division by zero", "22012"):
        failing.execute("select pgstream.refresh_stream_table('public.t')")
    failing.close()
    engine.run("delete from source where id = 0")
    pgs_id = engine.catalog("public.t")["pgs_id"]
    held = "select count(*) from pg_locks where locktype = 'advisory' and objid = %s and classid = 0"
    while engine.one(held, pgs_id):
        pass
    assert engine.refresh("public.t") == [FULL]


def test_failed_refresh_changes_nothing(engine: Any) -> None:
    engine.create("public.t", "select id, 1 / id as x from public.source", refresh_mode="FULL")
    before = engine.catalog("public.t"), engine.rows("select * from t order by id")
    engine.run("insert into source values (0, 'zero', 0)")
    with engine.refuses("division by zero", "22012"):
        engine.refresh("public.t")
    assert (engine.catalog("public.t"), engine.rows("select * from t order by id")) == before


def test_frontier_names_the_sources_and_their_positions(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    oid = str(engine.one("select 'source'::regclass::oid"))
    frontier = engine.catalog("public.t")["frontier"]
    assert set(frontier) == {"sources", "data_timestamp"}
    assert set(frontier["sources"]) == {oid}
    assert engine.one(
        "select %s::pg_lsn > '0/0' and %s::pg_lsn <= pg_current_wal_insert_lsn()",
        *[frontier["sources"][oid]["lsn"]] * 2,
    )
    assert frontier["data_timestamp"].endswith("Z")


@pytest.mark.pg_stream_only(
    "a table is repaired without a change of mode, which would refresh it three times"
)
def test_repair_is_a_change_of_mode_and_back(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.tamper("delete from t where id = 1")
    with engine.connect() as session, session.transaction():
        session.execute("select pgstream.alter_stream_table('public.t', refresh_mode => 'FULL')")
        session.execute("select pgstream.refresh_stream_table('public.t')")
        session.execute("select pgstream.alter_stream_table('public.t', refresh_mode => 'DIFFERENTIAL')")
    assert engine.catalog("public.t")["refresh_mode"] == "DIFFERENTIAL"
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.pg_stream_only("its storage is guarded against writes")
def test_storage_can_be_written_directly(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("delete from t where id = 1")
    assert engine.one("select count(*) from t") == 3
