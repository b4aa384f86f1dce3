"""Two sessions that take their steps in turns; whoever waits for a lock lets the other one go on."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import psycopg

Step = tuple[str, str]  # a method of Session, and its argument
Program = list[list[Step]]  # transactions, each of them steps

# What a step may meet when the other session was first.
EXPECTED = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UndefinedTable,
)
REFUSALS = ("refresh skipped: ", "invalid argument: stream table public.", "stream table not found: public.")

LOWEST_FRONTIERS = """
select d.source_relid, min((s.frontier #>> array['sources', d.source_relid::text, 'lsn'])::pg_lsn)::text
from pgstream.pgs_dependencies d join pgstream.pgs_stream_tables s using (pgs_id)
where d.source_type = 'TABLE'
group by 1
having bool_and(s.frontier #> array['sources', d.source_relid::text, 'lsn'] is not null)
"""
SET_FRONTIER = """
update pgstream.pgs_stream_tables s
set frontier = jsonb_set(s.frontier, '{sources}', (
    select coalesce(jsonb_object_agg(key, value || jsonb_build_object('lsn', %s::text)), '{}')
    from jsonb_each(s.frontier -> 'sources')))
where pgs_name = %s
"""


def difference(connection: psycopg.Connection[Any], name: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows that are in a stream table and not in its query's result, or there and not here."""
    with connection.cursor() as cursor:
        cursor.execute(f"select * from ({query}) q limit 0")
        columns = ", ".join(column.name for column in cursor.description or [])
        both = f"select {columns} from public.{name}", f"select {columns} from ({query}) q"
        cursor.execute(f"({both[0]} except all {both[1]}) union all ({both[1]} except all {both[0]})")
        return cursor.fetchall()


class Session:
    """A session of its own, in a thread of its own."""

    def __init__(self, dsn: str, queries: dict[str, str]) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True, options="-c client_min_messages=error")
        self.pid = self.connection.info.backend_pid
        self.queries = queries
        self.thread = ThreadPoolExecutor(1)
        self.transactions: Program = []
        self.steps: list[Step] = []
        self.pending: Future[None] | None = None
        self.boundary = ""
        self.compared = 0

    @property
    def finished(self) -> bool:
        return not (self.transactions or self.steps or self.pending)

    def close(self) -> None:
        self.thread.shutdown()
        self.connection.close()

    def start(self, program: Iterable[Iterable[Step]]) -> None:
        self._give_up()
        self.transactions = [list(transaction) for transaction in program]

    def stop(self) -> None:
        """End what a failed case left behind."""
        if self.pending is not None:
            self.connection.cancel()
            wait([self.pending])
            self.pending = None

    def begin_next_step(self) -> None:
        if not self.steps:
            self.steps = self.transactions.pop(0)
        self.pending = self.thread.submit(self._take, *self.steps.pop(0))

    def _take(self, kind: str, what: str) -> None:
        try:
            getattr(self, kind)(what)
        except psycopg.Error as error:
            refused = (error.diag.message_primary or "").startswith(REFUSALS)
            if not refused and not isinstance(error, EXPECTED):
                raise
            self._give_up()

    def _give_up(self) -> None:
        """Leave out the rest of the transaction, as a client does whose statement failed."""
        self.steps = []
        self.connection.execute("rollback")
        self.connection.execute("select pg_advisory_unlock_all()")

    def run(self, statement: str) -> None:
        self.connection.execute(statement)

    def claim(self, name: str) -> None:
        """Take the engine's own lock; where another session has it, leave out the refresh."""
        query = "select pg_try_advisory_lock(pgs_id) from pgstream.pgs_stream_tables where pgs_name = %s"
        if self.connection.execute(query, [name]).fetchone() != (True,):
            self._give_up()

    def take_position(self, _: str) -> None:
        row = self.connection.execute("select pg_current_wal_lsn()::text").fetchone()
        self.boundary = row[0] if row else ""
        self.connection.execute("select pg_logical_emit_message(false, 'boundary', '', true)")

    def set_frontier(self, name: str) -> None:
        self.connection.execute(SET_FRONTIER, [self.boundary, name])

    def compare(self, name: str) -> None:
        """Hold the rows against the query, at the boundary's snapshot."""
        assert difference(self.connection, name, self.queries[name]) == [], f"{name} at its boundary"
        self.compared += 1

    def trim(self, _: str) -> None:
        """Remove from the buffers what the frontiers say is read, as clients may."""
        for oid, lowest in self.connection.execute(LOWEST_FRONTIERS).fetchall():
            self.connection.execute(
                f"delete from pgstream_changes.changes_{oid} where lsn <= %s::pg_lsn", [lowest]
            )


class Pair:
    """The two sessions, and a third that sees which of them waits for the other."""

    def __init__(self, dsn: str, queries: dict[str, str]) -> None:
        self.sessions = [Session(dsn, queries) for _ in range(2)]
        self.monitor = psycopg.connect(dsn, autocommit=True)

    def close(self) -> None:
        self.monitor.close()
        for session in self.sessions:
            session.close()

    def play(self, programs: Iterable[Program], turns: Iterable[int]) -> None:
        """Take a step of the session that is next; once the turns are over, one after the other."""
        for session in self.sessions:
            session.stop()
        for session, program in zip(self.sessions, programs, strict=True):
            session.start(program)
        turns = iter(turns)
        while unfinished := [session for session in self.sessions if not session.finished]:
            first = self.sessions[next(turns, 0)]
            for session in sorted(unfinished, key=lambda one: one is not first):
                if self._is_free(session):
                    if not session.finished:
                        session.begin_next_step()
                        self._is_free(session)
                    break

    def _is_free(self, session: Session) -> bool:
        """Wait until the session's step is done, or waits for a lock."""
        while session.pending is not None:
            if wait([session.pending], timeout=0.002).done:
                done, session.pending = session.pending, None
                done.result()
            elif self._is_blocked(session):
                return False
        return True

    def _is_blocked(self, session: Session) -> bool:
        query = "select cardinality(pg_blocking_pids(%s)) > 0"
        return self.monitor.execute(query, [session.pid]).fetchone() == (True,)
