"""Random changes of two sources: after each refresh every stream table is what its query says.

200 sequences in each dress by default, 2,000 with ``PGSTREAM_FULL=1``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_pgstream.emulator import PgStreamServer
from tests.emulator.dressed import connect

SEQUENCES = 2000 if os.environ.get("PGSTREAM_FULL") else 200
SESSIONS = 3

QUERIES = {
    "filtered": "select id, k, v from public.a where v > 1 or k is null",
    "joined": "select a.id, b.w, a.v + b.w as x from public.a join public.b on b.k = a.k",
    "outer_joined": "select a.k, b.w from public.a full join public.b on b.k = a.k and b.w > a.v",
    "grouped": "select k, avg(v) as m, min(v) as i, max(v) as x, sum(v) as s, count(*) as n "
    "from public.a group by k",
    "total": "select count(distinct k) as d, avg(v) as m, count(v) as n from public.a",
    "distinct_rows": "select distinct k, v from public.a",
    "united": "select k, v as x from public.a union all select k, w from public.b",
    "bag": "select k from public.a",
    "ranked": "select id, row_number() over (partition by k order by v, id) as r, "
    "sum(v) over (partition by k) as s from public.a",
    "absent": "select id, k from public.a where not exists (select from public.b where b.k = a.k)",
    "viewed": "select k, w from public.seen where w > 1",
    "in_full": "select k, count(*) as n from public.b group by k",
    "on_top": "select k, n * 2 as n from public.in_full",
}

keys = st.sampled_from(["'x'", "'y'", "'z'", "null"])
numbers = st.one_of(st.just("null"), st.integers(0, 4).map(str))
tables = st.sampled_from([("a", "v"), ("b", "w")])

inserts = st.builds(
    lambda table, rows: (
        f"insert into {table[0]} (k, {table[1]}) values {', '.join(f'({k}, {n})' for k, n in rows)}"
    ),
    tables,
    st.lists(st.tuples(keys, numbers), min_size=1, max_size=4),
)
updates = st.builds(
    lambda table, key, number, rest: (
        f"update {table[0]} set k = {key}, {table[1]} = {number} where id % 3 = {rest}"
    ),
    tables,
    keys,
    numbers,
    st.integers(0, 2),
)
additions = st.builds(lambda table: f"update {table[0]} set {table[1]} = {table[1]} + 1", tables)
deletes = st.builds(
    lambda table, rest: f"delete from {table[0]} where id % 4 = {rest}", tables, st.integers(0, 3)
)
truncates = st.builds(lambda table: f"truncate {table[0]}", tables)
changes = st.one_of(inserts, inserts, updates, additions, deletes, truncates)

# A step is what one of the sessions does, or a refresh of one table, or a turn of the scheduler.
steps = st.one_of(
    st.tuples(st.integers(0, SESSIONS - 1), changes),
    st.tuples(st.integers(0, SESSIONS - 1), changes),
    st.tuples(
        st.integers(0, SESSIONS - 1),
        st.sampled_from(["begin", "commit", "rollback", "savepoint s", "rollback to s"]),
    ),
    st.tuples(st.just("refresh"), st.sampled_from(list(QUERIES))),
    st.tuples(st.just("schedule"), st.sampled_from(list(QUERIES))),
)


class Database:
    """Two sources and the stream tables on them, with sessions that write at the same time."""

    def __init__(self, server: PgStreamServer) -> None:
        self.refresher = self._connect(server)
        self.writers = [self._connect(server) for _ in range(SESSIONS)]
        for statement in (
            "create table a (id int generated always as identity primary key, k text, v numeric)",
            "create table b (id int generated always as identity, k text, w int)",
            "create view seen as select k, w from b where k is not null",
        ):
            self.refresher.execute(statement)
        for name, query in QUERIES.items():
            mode = "FULL" if name == "in_full" else "DIFFERENTIAL"
            self.refresher.execute(
                "select pgstream.create_stream_table(%s, %s, '1s', %s)", [f"public.{name}", query, mode]
            )

    @staticmethod
    def _connect(server: PgStreamServer) -> psycopg.Connection[Any]:
        session = connect(server, options="-c client_min_messages=error -c lock_timeout=20ms")
        session.prepare_threshold = 0
        return session

    def take(self, step: tuple[int | str, str]) -> None:
        actor, what = step
        try:
            if actor == "refresh":
                self.refresher.execute("select pgstream.refresh_stream_table(%s)", [f"public.{what}"])
                assert not self._difference(what, QUERIES[what]), what
            elif actor == "schedule":
                self.schedule(what)
                assert not self._difference(what, QUERIES[what]), what
            else:
                self.writers[int(actor)].execute(what)
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.NoActiveSqlTransaction,
            psycopg.errors.DeadlockDetected,
        ):
            # What has to wait for another session does nothing here: one thread plays them all.
            self.refresher.execute("select pg_advisory_unlock_all()")
        except (psycopg.errors.InFailedSqlTransaction, psycopg.errors.InvalidSavepointSpecification):
            self.writers[int(actor)].execute("rollback")

    def schedule(self, name: str) -> None:
        query = "select pgs_id from pgstream.pgs_stream_tables where pgs_name = %s"
        found = self.refresher.execute(query, [name]).fetchone()
        self.refresher.execute("select pgstream_emulator.scheduled_refresh(%s)", found)

    def settle(self) -> None:
        """End every transaction; let each table be refreshed as the scheduler does, NO_DATA included."""
        for writer in self.writers:
            writer.execute("commit")
        for name in QUERIES:
            self.schedule(name)

    def differences(self) -> dict[str, dict[Any, int]]:
        return {name: found for name, query in QUERIES.items() if (found := self._difference(name, query))}

    def _difference(self, name: str, query: str) -> dict[Any, int]:
        with self.refresher.cursor() as cursor:
            expected = Counter(cursor.execute(query).fetchall())
            columns = ", ".join(column.name for column in cursor.description or [])
            expected.subtract(cursor.execute(f"select {columns} from {name}").fetchall())
        return {row: count for row, count in expected.items() if count}

    def empty(self) -> None:
        for writer in self.writers:
            writer.execute("rollback")
        self.refresher.execute("truncate a, b restart identity")


@pytest.fixture(scope="module")
def database(either: PgStreamServer) -> Iterator[Database]:
    either.reset()
    database = Database(either)
    yield database
    for session in (database.refresher, *database.writers):
        session.close()


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(steps, min_size=3, max_size=14))
def test_every_table_is_its_query_after_any_sequence(
    database: Database, sequence: list[tuple[int | str, str]]
) -> None:
    database.empty()
    database.settle()
    for step in sequence:
        database.take(step)
    database.settle()
    assert database.differences() == {}
