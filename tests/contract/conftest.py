"""What the judge of both engines shares: a database, its tables, and a scheduler that can be waited for."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fixtures.engine import ENGINE, IS_FIRST, connect, tamper

REAL = "PGSTREAM_TEST_DSN" in os.environ
PATIENCE = 60.0  # seconds after which the real engine's scheduler is taken never to do something
NUDGE = 8.0  # seconds after which it is reminded
CANARY = "canary.refreshed"


class Engine:
    """A client's view of the engine: SQL in sessions of its own, and waiting for the scheduler."""

    def __init__(self, dsn: str, server: Any) -> None:
        self.dsn = dsn
        self.server = server
        self.sessions: list[psycopg.Connection[Any]] = []
        self.main = self.connect()

    def connect(self, role: str | None = None) -> psycopg.Connection[Any]:
        session = connect(self.dsn, autocommit=True)
        session.execute("set search_path = public")
        if role:
            session.execute(f"set role {role}")
        self.sessions.append(session)
        return session

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.main.execute(statement)

    def let_sources_be_altered(self) -> None:
        """Take back what keeps the columns of a captured table as they are, where an engine does that."""
        if not IS_FIRST:
            self.run(f"set {ENGINE.extension}.block_source_ddl = off")

    def tamper(self, *statements: str) -> None:
        """Write to a stream table, which some engines guard."""
        tamper(self.main, *statements)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.main.execute(query, values or None).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        (row,) = self.rows(query, *values)
        return row[0] if len(row) == 1 else row

    def create(self, name: str, query: str, *settings: Any, **named: Any) -> list[str]:
        """Create a stream table, with schedule NULL unless one is given; return the messages."""
        named = {**dict(zip(("schedule", "refresh_mode", "initialize"), settings, strict=False)), **named}
        named.setdefault("schedule", None)
        named.setdefault("refresh_mode", "DIFFERENTIAL")
        unattended = ENGINE.unattended_settings if named["schedule"] is None else {}
        if named["schedule"] is None:
            named["schedule"] = ENGINE.driven
        arguments = ["%s", "%s", *[f"{key} => %s" for key in named]]
        call = f"select pgstream.create_stream_table({', '.join(arguments)})"
        said = self.messages(call, name, query, *named.values())
        for setting, value in unattended.items():
            self.messages(f"select pgstream.alter_stream_table(%s, {setting} => %s)", name, value)
        return said

    def refresh(self, name: str) -> list[str]:
        """Refresh by hand in a session of its own; return the messages."""
        return self.messages("select pgstream.refresh_stream_table(%s)", name)

    def messages(self, query: str, *values: Any) -> list[str]:
        said: list[str] = []
        with connect(self.dsn, autocommit=True, options="-c search_path=public") as session:
            session.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
            backend = session.info.backend_pid
            try:
                session.execute(query, values)
            except psycopg.Error:
                session.close()
                self._await_end(backend)
                raise
        return said

    def _await_end(self, backend: int) -> None:
        """Wait until the server has ended a session: only then is the lock of a failed refresh free again."""
        with connect(self.dsn, autocommit=True) as looker:
            while looker.execute("select 1 from pg_stat_activity where pid = %s", [backend]).fetchone():
                pass

    @contextmanager
    def refuses(self, text: str | None = None, code: str = "XX000") -> Iterator[None]:
        """Hold a block to fail with this code, and with these words."""
        with pytest.raises(psycopg.Error) as refused:
            yield
        if text is not None:
            assert refused.value.diag.message_primary == text
        assert refused.value.sqlstate == code

    def catalog(self, name: str) -> dict[str, Any]:
        schema, _, table = name.partition(".")
        with self.main.cursor(row_factory=dict_row) as cursor:
            cursor.execute(
                "select * from pgstream.pgs_stream_tables where pgs_schema = %s and pgs_name = %s",
                (schema, table),
            )
            found: dict[str, Any] = cursor.fetchone() or {}
        return {key.replace(f"{ENGINE.prefix}_", "pgs_", 1): value for key, value in found.items()}

    def history(self, name: str) -> list[str]:
        """Return the actions of the scheduler, the oldest first."""
        query = (
            "select action from pgstream.pgs_refresh_history "
            "where pgs_id = %s and initiated_by = 'SCHEDULER' order by refresh_id"
        )
        return [action for (action,) in self.rows(query, self.catalog(name)["pgs_id"])]

    def buffer(self, source_oid: int) -> str:
        """Return the change buffer of a source."""
        return str(
            self.one(
                "select b.oid::regclass from pg_class b, (select %s::oid as source_relid) d where "
                f"{ENGINE.is_buffer}",
                source_oid,
            )
        )

    def columns(self, name: str) -> str:
        """Return a stream table's own columns, without the internal ones, for a select list."""
        query = (
            "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 and not attisdropped and attname !~ '^__pgs_'"
        )
        return str(self.one(query, name))

    def difference(self, name: str, query: str) -> dict[Any, int]:
        """Return how a stream table differs from its query: rows with how many are too many or too few."""
        there = Counter(
            row[0] for row in self.rows(f"select r::text from (select {self.columns(name)} from {name}) r")
        )
        expected = Counter(row[0] for row in self.rows(f"select r::text from ({query}) r"))
        there.subtract(expected)
        return {row: count for row, count in there.items() if count}

    def turns(self, count: int = 1) -> None:
        """Let the scheduler make turns, in which everything with a schedule of a second is due."""
        for _ in range(count):
            if self.server is not None:
                self.server.run_scheduler(later=2)
            else:
                self._await_canary()

    def _await_canary(self) -> None:
        self._make_canary()
        seen = len(self.history(CANARY))
        self._poll(lambda: len(self.history(CANARY)) >= seen + 2, "two turns of the scheduler")

    def _make_canary(self) -> None:
        if self.one("select to_regclass(%s) is null", CANARY):
            self.run("create schema if not exists canary", "create table if not exists canary.source (x int)")
            self.create(CANARY, "select count(x) as n from canary.source", "1s", "FULL")

    def until(self, query: str, *values: Any) -> None:
        """Let the scheduler work until a query is true."""
        if self.server is None:
            self._poll(lambda: self.one(query, *values), query)
            return
        for _ in range(5):
            self.turns()
            if self.one(query, *values):
                return
        raise AssertionError(f"five turns of the scheduler did not make this true: {query}")

    def _poll(self, condition: Any, what: str) -> None:
        started = nudged = time.monotonic()
        while not condition():
            now = time.monotonic()
            assert now < started + PATIENCE, f"not within {PATIENCE:.0f} s: {what}"
            if now > nudged + NUDGE:
                # The real scheduler sometimes overlooks a table until the next one is created.
                self._make_canary()
                self.create("canary.nudge", "select count(x) as n from canary.source", None, "FULL")
                self.run("select pgstream.drop_stream_table('canary.nudge')")
                nudged = now
            time.sleep(0.05)


@pytest.fixture
def engine(pgstream_dsn: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine under test, with a table ``public.source (id, g, v)`` of four rows."""
    engine = Engine(pgstream_dsn, None if REAL else request.getfixturevalue("pgstream_server"))
    engine.run(
        "create table source (id int primary key, g text, v numeric)",
        "insert into source values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3), (4, null, null)",
    )
    yield engine
    engine.close()
