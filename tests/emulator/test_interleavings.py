"""Two sessions that write and refresh at once, in whatever order: nothing is lost, and nothing counted twice.

Bare calls and boundary refreshes, within transactions and outside them. 30 cases by default, 1,500 with
``PGSTREAM_FULL=1``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_pgstream.emulator import PgStreamServer
from tests.emulator.interleaved import Pair, Program, Step, difference

CASES = 1500 if os.environ.get("PGSTREAM_FULL") else 30

QUERIES = {
    "kept": "select id, v from public.a where v > 0",
    "joined": "select a.id as a, b.id as b, a.v + b.v as v from public.a join public.b using (v)",
    "counted": "select v, count(*) as n from public.a group by v",
    "above": "select max(n) as n, count(*) as groups from public.counted",
    "late": "select id, v from public.c",  # created anew in each case, and the only one on its source
}
SOURCES = {"kept": ["a"], "joined": ["a", "b"], "counted": ["a"], "above": [], "late": ["c"]}
READS = {**SOURCES, "above": ["counted"]}
CREATE_LATE = (
    f"select pgstream.create_stream_table('public.late', '{QUERIES['late']}', null, initialize => %s)"
)
DROP_LATE = "select pgstream.drop_stream_table('public.late')"

# A turn of the scheduler.
SCHEDULED = (
    "select pgstream_emulator.scheduled_refresh(pgs_id) "
    "from pgstream.pgs_stream_tables where status = 'ACTIVE' order by pgs_id"
)
TURN = [("run", SCHEDULED), ("run", "select pgstream_emulator.trim_buffers()")]

sources = st.sampled_from("abcc")
names = st.sampled_from([*QUERIES, "late"])


def run(template: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    """A step that runs a statement with values of these kinds."""
    return st.tuples(st.just("run"), st.builds(template.format, *values))


changes = st.one_of(
    run("insert into {} (v) select i % 3 from generate_series(1, {}) i", sources, st.integers(1, 4)),
    run("update {} set v = v + 1 where id % 2 = {}", sources, st.integers(0, 1)),
    run("delete from {} where id % 3 = {}", sources, st.integers(0, 2)),
    run("truncate {}", sources),
)
refreshes = run("select pgstream.refresh_stream_table('public.{}')", names)
statuses = run(
    "select pgstream.alter_stream_table('public.{}', status => '{}')",
    names,
    st.sampled_from(["SUSPENDED", "ACTIVE"]),
)
savepoints = run("{}", st.sampled_from(["savepoint s", "rollback to s"]))
begins = run("begin isolation level {}", st.sampled_from(["read committed", "repeatable read"]))
ends = run("{}", st.sampled_from(["commit", "commit", "rollback"]))


def transaction(begin: Step, inner: list[Step], end: Step) -> list[Step]:
    return [begin, ("run", "savepoint s"), *inner, end]


def recreation(begin: Step, before: Step, after: Step, end: Step) -> list[Step]:
    return [begin, before, ("run", DROP_LATE), ("run", CREATE_LATE % "true"), after, end]


def boundary(name: str, forget: bool) -> list[Step]:
    """A boundary refresh in its steps, between any two of which the other session can do something."""
    null = f"update pgstream.pgs_stream_tables set frontier = null where pgs_name = '{name}'"
    return [
        ("claim", name),
        ("run", "begin isolation level repeatable read"),
        *[("run", f"lock table {source} in access share mode") for source in READS[name]],
        ("run", "savepoint boundary"),
        *[("run", f"lock table {source} in share mode") for source in SOURCES[name]],
        ("take_position", ""),
        ("run", "rollback to savepoint boundary; release savepoint boundary"),
        *[("run", null)] * forget,
        ("run", f"select pgstream.refresh_stream_table('public.{name}')"),
        ("set_frontier", name),
        ("compare", name),
        ("run", "commit"),
        ("run", "select pg_advisory_unlock_all()"),
    ]


transactions = st.one_of(
    st.one_of(changes, refreshes, statuses, st.just(("trim", ""))).map(lambda step: [step]),
    changes.map(lambda change: [change, *TURN]),
    st.builds(transaction, begins, st.lists(st.one_of(changes, savepoints), max_size=3), ends),
    st.builds(transaction, begins, st.lists(st.one_of(changes, refreshes), max_size=4), ends),
    st.builds(boundary, names, st.booleans()),
    st.builds(boundary, names, st.just(False)),
)
additions = run("insert into c (v) values ({})", st.integers(0, 2))
recreations = st.builds(recreation, begins, additions, additions, ends)
programs = st.lists(transactions, min_size=3, max_size=5)
# One session only creates tables anew: two that do would only refuse one another.
programs_with_ddl = st.lists(st.one_of(transactions, transactions, recreations), min_size=3, max_size=5)


class Database:
    """Three sources, five stream tables, and the two sessions that are at them."""

    def __init__(self, dsn: str) -> None:
        self.main = psycopg.connect(dsn, autocommit=True, options="-c client_min_messages=error")
        self.main.execute("alter database postgres set deadlock_timeout = '20ms'")
        for source in "abc":
            self.main.execute(f"create table {source} (id int generated always as identity, v int)")
        for name, query in QUERIES.items():
            mode = "FULL" if name == "counted" else "DIFFERENTIAL"
            self.main.execute(
                "select pgstream.create_stream_table(%s, %s, null, %s)", [f"public.{name}", query, mode]
            )
        self.pair = Pair(dsn, QUERIES)

    def prepare(self, *, populated: bool) -> None:
        """Begin a case: a few rows everywhere, and every table refreshed but the last, or none yet."""
        self.main.execute("truncate a, b, c restart identity")
        for source in "abc":
            self.main.execute(f"insert into {source} (v) select i % 3 from generate_series(1, 5) i")
        self.settle()
        self.main.execute(DROP_LATE)
        self.main.execute(CREATE_LATE % "false")
        if not populated:
            self.main.execute(
                "update pgstream.pgs_stream_tables "
                "set status = 'INITIALIZING', is_populated = false, frontier = null"
            )
            self.main.execute("delete from pgstream_emulator.seen")

    def settle(self) -> None:
        """Refresh everything once, as the scheduler does: what has not changed is left as it is."""
        self.main.execute("update pgstream.pgs_stream_tables set status = 'ACTIVE'")
        self.main.execute(SCHEDULED)

    def differences(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            name: found for name, query in QUERIES.items() if (found := difference(self.main, name, query))
        }


@pytest.fixture(scope="module")
def database(server: PgStreamServer) -> Iterator[Database]:
    server.reset()
    database = Database(server.dsn())
    yield database
    compared = sum(session.compared for session in database.pair.sessions)
    database.pair.close()
    database.main.close()
    assert compared, "no boundary refresh came to its end"


@pytest.mark.timeout(3600)  # the long run
@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    populated=st.booleans(),
    first=programs_with_ddl,
    second=programs,
    turns=st.lists(st.integers(0, 1), min_size=40, max_size=60),
)
def test_every_table_is_its_query_whatever_two_sessions_do_at_once(
    database: Database, populated: bool, first: Program, second: Program, turns: list[int]
) -> None:
    database.prepare(populated=populated)
    database.pair.play([first, second], turns)
    database.settle()
    assert database.differences() == {}
