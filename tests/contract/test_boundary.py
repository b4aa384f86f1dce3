"""The boundary refresh: a snapshot and a position that belong together, while writers go on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.fixtures.engine import ENGINE

QUERY = "select id, v from public.source"
TOTALS = "select g, sum(v) as s from public.source where g is not null group by g"
FULL = "Stream table public.t refreshed (FULL)"
BUSY = "refresh skipped: public.t — another refresh is already in progress"
FRONTIER = "update pgstream.pgs_stream_tables set frontier = {} where pgs_id = %s"
OF_SOURCE = "jsonb_build_object('sources', jsonb_build_object(%s::text, jsonb_build_object('lsn', %s::text)))"


class Boundary:
    """One boundary refresh of a stream table on ``public.source``, step by step."""

    def __init__(self, engine: Any, name: str = "public.t") -> None:
        self.engine = engine
        self.name = name
        self.pgs_id = engine.catalog(name)["pgs_id"]
        self.oid = engine.one("select 'source'::regclass::oid")
        self.session: psycopg.Connection[Any] = engine.connect()
        self.said: list[str] = []
        self.session.add_notice_handler(lambda notice: self.said.append(notice.message_primary or ""))
        self.position = ""

    def take(self) -> Boundary:
        """Hold the engine's lock, and take the boundary."""
        assert self.value("select pg_try_advisory_lock(%s)", self.pgs_id)
        self.run("begin isolation level repeatable read", "lock table source in access share mode")
        self.run("savepoint boundary", "lock table source in share mode")
        self.position = self.value(f"select {ENGINE.position}::text")
        self.run("select pg_logical_emit_message(false, 'boundary', '', true)")
        self.run("rollback to savepoint boundary", "release savepoint boundary")
        return self

    def join(self, other: Boundary, snapshot: str) -> Boundary:
        """Take another one's boundary, by its exported snapshot."""
        assert self.value("select pg_try_advisory_lock(%s)", self.pgs_id)
        self.run("begin isolation level repeatable read", f"set transaction snapshot '{snapshot}'")
        self.run("lock table source in access share mode")
        self.position = other.position
        return self

    def forget(self) -> Boundary:
        """Make the refresh of this transaction a full one."""
        self.session.execute(FRONTIER.format("null"), [self.pgs_id])
        return self

    def refresh(self) -> Boundary:
        """Refresh, and set the frontier to the boundary."""
        self.session.execute("select pgstream.refresh_stream_table(%s)", [self.name])
        here = "jsonb_set(frontier, array['sources', %s::text, 'lsn'], to_jsonb(%s::text))"
        self.session.execute(FRONTIER.format(here), [self.oid, self.position, self.pgs_id])
        return self

    def end(self) -> None:
        self.run("commit", f"select pg_advisory_unlock({self.pgs_id})")
        self.session.close()

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.session.execute(statement)

    def value(self, query: str, *values: Any) -> Any:
        (row,) = self.session.execute(query, values or None).fetchall()
        return row[0]


def _again(engine: Any, *names: str) -> None:
    for name in names or ("public.t",):
        Boundary(engine, name).take().refresh().end()


def test_what_commits_after_the_boundary_comes_with_the_next_refresh(engine: Any) -> None:
    engine.create("public.t", TOTALS, initialize=False)
    _again(engine)
    engine.run("insert into source values (5, 'a', 5)")
    boundary = Boundary(engine).take()
    engine.run("insert into source values (6, 'a', 6)")
    boundary.refresh()
    engine.run("insert into source values (7, 'a', 7)")
    boundary.end()
    assert engine.rows("select s from t where g = 'a'") == [(8,)]
    _again(engine)
    assert engine.rows("select s from t where g = 'a'") == [(21,)]
    assert engine.difference("public.t", TOTALS) == {}


def test_what_commits_during_a_population_comes_with_the_next_refresh(engine: Any) -> None:
    engine.create("public.t", QUERY, initialize=False)
    boundary = Boundary(engine).take()
    engine.run("insert into source values (5, 'x', 5)", "update source set v = 9 where id = 1")
    boundary.refresh().end()
    assert engine.one("select sum(v) from t") == 6
    _again(engine)
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_changes_bear_the_position_that_the_boundary_divides(engine: Any, asynchronous: bool) -> None:
    engine.create("public.t", QUERY, initialize=False)
    engine.run(f"set synchronous_commit = {'off' if asynchronous else 'on'}")
    engine.run("insert into source values (5, 'x', 5)")
    boundary = Boundary(engine).take()
    engine.run("insert into source values (6, 'y', 6)")
    buffer = engine.buffer(boundary.oid)
    assert engine.rows(f"select lsn <= %s::pg_lsn from {buffer} order by change_id", boundary.position) == [
        (True,),
        (False,),
    ]


def test_frontier_is_never_beyond_the_position_of_now(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("set synchronous_commit = off")
    oid = engine.one("select 'source'::regclass::oid")
    for number in range(5, 25):
        engine.run(f"insert into source values ({number}, 'x', 5)")
        engine.main.execute("select pgstream.refresh_stream_table('public.t')")
        found = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
        assert engine.one(f"select %s::pg_lsn <= {ENGINE.position}", found)


def test_boundary_waits_for_open_writers_and_for_none_afterwards(engine: Any) -> None:
    engine.create("public.t", QUERY, initialize=False)
    writer = engine.connect()
    writer.execute("begin")
    writer.execute("insert into source values (5, 'x', 5)")
    boundary = Boundary(engine)
    boundary.run("set lock_timeout = '50ms'")
    with engine.refuses(code="55P03"):
        boundary.take()
    boundary.run("rollback", "select pg_advisory_unlock_all()")
    writer.execute("commit")
    boundary.take()
    writer.execute("set lock_timeout = '5s'")
    writer.execute("insert into source values (6, 'y', 6)")
    boundary.refresh().end()
    assert engine.rows("select id from t where id > 4") == [(5,)]


def test_frontier_set_to_null_makes_the_refresh_full_and_leaves_the_mode(engine: Any) -> None:
    engine.create("public.t", QUERY)
    _again(engine)
    engine.tamper("delete from t where id = 1")
    boundary = Boundary(engine).take().forget()
    engine.run("insert into source values (5, 'x', 5)")
    boundary.refresh().end()
    assert FULL in boundary.said
    assert engine.catalog("public.t")["refresh_mode"] == "DIFFERENTIAL"
    assert sorted(engine.rows("select id from t")) == [(1,), (2,), (3,), (4,)]
    _again(engine)
    assert engine.difference("public.t", QUERY) == {}


def test_frontier_before_the_population_keeps_what_it_has_yet_to_read(engine: Any) -> None:
    engine.create("public.u", TOTALS)
    engine.create("public.t", QUERY, initialize=False)
    table = engine.catalog("public.t")["pgs_id"]
    oid = engine.one("select 'source'::regclass::oid")
    position = engine.one("select pg_current_wal_lsn()::text")
    engine.main.execute(FRONTIER.format(OF_SOURCE), [oid, position, table])
    boundary = Boundary(engine).take().forget()
    engine.run("insert into source values (5, 'x', 5)")
    _again(engine, "public.u")
    _again(engine, "public.u")
    boundary.refresh().end()
    assert FULL in boundary.said
    _again(engine)
    assert engine.difference("public.t", QUERY) == {}
    assert engine.difference("public.u", TOTALS) == {}


@pytest.mark.pg_stream_only("a bare call that finds it busy skips with a notice, and raises nothing")
def test_engines_lock_in_the_clients_hands_keeps_bare_calls_away(engine: Any) -> None:
    engine.create("public.t", QUERY, initialize=False)
    boundary = Boundary(engine).take()
    with engine.refuses(BUSY):
        engine.refresh("public.t")
    boundary.refresh()
    with engine.refuses(BUSY):
        engine.refresh("public.t")
    boundary.run("commit")
    with engine.refuses(BUSY):
        engine.refresh("public.t")
    boundary.run(f"select pg_advisory_unlock({boundary.pgs_id})")
    engine.refresh("public.t")


@pytest.mark.pg_stream_only("its lock lives until the commit")
def test_bare_refresh_gives_its_lock_back_before_the_commit(engine: Any) -> None:
    engine.create("public.t", QUERY)
    pgs_id = engine.catalog("public.t")["pgs_id"]
    refreshing = engine.connect()
    refreshing.execute("begin")
    refreshing.execute("select pgstream.refresh_stream_table('public.t')")
    assert engine.one("select pg_try_advisory_lock(%s)", pgs_id)
    refreshing.execute("commit")


@pytest.mark.pg_stream_only("its lock ends with the transaction")
def test_failed_boundary_refresh_leaks_the_engines_lock_once_more(engine: Any) -> None:
    engine.create("public.t", "select id, 1 / id as x from public.source", initialize=False)
    engine.run("insert into source values (0, 'zero', 0)")
    boundary = Boundary(engine).take()
    with engine.refuses(code="22012"):
        boundary.refresh()
    boundary.run("rollback")
    assert boundary.value("select pg_advisory_unlock(%s)", boundary.pgs_id)
    with engine.refuses(BUSY):
        engine.refresh("public.t")
    assert boundary.value("select pg_advisory_unlock(%s)", boundary.pgs_id)
    assert boundary.value("select count(*) from pg_locks where locktype = 'advisory'") == 0


@pytest.mark.parametrize(
    "change",
    [
        "select pgstream.alter_stream_table('public.t', status => 'SUSPENDED')",
        "select pgstream.alter_stream_table('public.t', refresh_mode => 'FULL')",
        "select pgstream.refresh_stream_table('public.t')",
        "update t set v = 0 where id = 1",
    ],
    ids=["paused", "altered", "refreshed", "storage written"],
)
def test_change_committed_after_the_boundary_ends_in_40001(engine: Any, change: str) -> None:
    engine.create("public.t", QUERY)
    _again(engine)
    engine.run("update source set v = 9 where id = 1")
    boundary = Boundary(engine).take()
    boundary.run("select pg_advisory_unlock_all()")  # whoever does not ask for it can do this at any time
    (engine.tamper if change.startswith("update") else engine.run)(change)
    with engine.refuses(code="40001"):
        boundary.refresh()


@pytest.mark.pg_stream_only("its refreshes of one source wait for one another until the commit")
def test_tables_refreshed_at_one_exported_snapshot_agree(engine: Any) -> None:
    tables = {
        "public.t": QUERY,
        "public.u": TOTALS,
        "public.w": "select id, g from public.source where id > 2",
    }
    for name, query in tables.items():
        engine.create(name, query, initialize=False)
        _again(engine, name)
    engine.run("insert into source values (5, 'a', 5)")
    first = Boundary(engine).take()
    snapshot = first.value("select pg_export_snapshot()")
    engine.run("insert into source values (6, 'a', 6)")
    others = [Boundary(engine, name).join(first, snapshot) for name in ("public.u", "public.w")]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(Boundary.refresh, [first, *others]))
    engine.run("insert into source values (7, 'a', 7)")
    for one in (first, *others):
        one.end()
    assert engine.one("select (select sum(v) from t), (select sum(s) from u) + 0") == (11, 11)
    assert engine.one("select (select max(id) from t), (select max(id) from w)") == (5, 5)
    _again(engine, *tables)
    for name, query in tables.items():
        assert engine.difference(name, query) == {}, name
