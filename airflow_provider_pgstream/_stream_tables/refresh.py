"""
The refresh: one stream table, in a session of its own, at a boundary.

Called plainly, an engine loses what transactions that are still open have written. See :mod:`boundary`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import psycopg

from airflow_provider_pgstream._engines import boundaries, queries, statements, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import SEARCH_PATH, Engine
from airflow_provider_pgstream._engines.errors import busy, not_found, suspended, translate
from airflow_provider_pgstream._engines.programs import Pause, Program, Reply, Run, Sleep
from airflow_provider_pgstream._engines.transactions import roll_back
from airflow_provider_pgstream._stream_tables import boundary, due
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream._stream_tables.boundary import Boundary, Busy, Changed, Denied
from airflow_provider_pgstream._stream_tables.cleaning import clean, demand_clean
from airflow_provider_pgstream._stream_tables.hazards import Way, is_scheduled, way_to_refresh
from airflow_provider_pgstream._stream_tables.holders import Holders, locked_out
from airflow_provider_pgstream._stream_tables.lifecycle import alter_call, leave_error
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.trust import trusting
from airflow_provider_pgstream.exceptions import PgStreamError, SourceLocked, StreamTableFailed
from airflow_provider_pgstream.models import RefreshResult, Source, StreamTable

CHANGES_MEANWHILE = 20
"""How often a refresh begins again because somebody altered the stream table or a source while it ran."""

SHARED = (
    "its scheduler refreshes it, too: writers of its sources waited until the end, and what is lost "
    "between two "
    "refreshes from here, only one with full=True brings back"
)

Call: TypeAlias = Callable[[StreamTable, Way, RefreshOptions, Engine, float], Program[Reply]]

BEGIN_SESSION = f"set search_path = {SEARCH_PATH}"


CHANGED = (Changed, psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""What says that somebody altered the stream table or a source meanwhile."""


def refresh(
    name: str, options: RefreshOptions, installation: Installation, *, call: Call | None = None
) -> Program[RefreshResult]:
    """
    Refresh one stream table; run it in a session of its own.

    :param name: ``schema.table``.
    :param call: what to ask of the engine, if not a refresh; it takes the arguments of :func:`call_engine`.
    :raises PgStreamError: the class that fits; nothing is changed and no lock is left then.
    """
    started = time.monotonic()
    try:
        chosen = trusting(options, installation)
        result = yield from _Refresh(name, chosen, installation, call or call_engine).run()
    except SourceLocked as error:
        yield from roll_back()
        if options.on_locked == "fail":
            raise
        result = RefreshResult("skipped", reason=str(error))
    except Denied as denied:
        yield from roll_back()
        raise translate(denied.error, installation, stream_table=name, locking=denied.source.name) from None
    except (psycopg.Error, PgStreamError) as error:
        yield from roll_back()
        if isinstance(error, PgStreamError):
            raise
        raise translate(error, installation, stream_table=name) from None
    return replace(result, seconds=round(time.monotonic() - started, 3))


@dataclass
class _Refresh:
    """One stream table's refresh, in attempts."""

    name: str
    options: RefreshOptions
    installation: Installation
    call: Call
    first: list[Source] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.installation.engine

    def run(self) -> Program[RefreshResult]:
        """Attempt it until it is done, skipped, or the time is over."""
        yield Run(BEGIN_SESSION)
        table = yield from find(self.name, self.engine)
        if reason := reason_to_skip(table, self.options, self.engine):
            return RefreshResult("skipped", data_timestamp=table.data_timestamp, reason=reason)
        locked_id = table.pgs_id
        locked = yield from self.lock(locked_id)
        attempts = Attempts(self.options.lock_timeout, locked["deadlock_timeout"])
        changes = 0
        while True:
            pause = 0.0
            try:
                return (yield from self.attempt(table, attempts, throughout=not locked["may_set_frontier"]))
            except Busy as blocked:
                pause = yield from self.wait_for(blocked, table, attempts)
            except psycopg.errors.LockNotAvailable:  # of its row in the catalog, say, by a scheduler
                pause = yield from self.wait_for(Busy(own_table(table)), table, attempts)
            except CHANGED:
                changes += 1
                if changes == CHANGES_MEANWHILE:
                    raise altered_meanwhile(self.name, changes) from None
                yield from self.change_session(locked_id)
            yield Sleep(pause)
            table = yield from find(self.name, self.engine)
            if table.pgs_id != locked_id:
                raise StreamTableFailed(f"stream table {self.name} was recreated meanwhile: refresh it again")

    def lock(self, pgs_id: int) -> Program[Mapping[str, Any]]:
        """
        Take the engine's own lock on the stream table for the session.

        :raises RefreshInProgress: if another session has it.
        """
        locked = (yield Run(boundaries.lock_refresh(self.engine), {"pgs_id": pgs_id})).rows[0]
        if not locked["locked"]:
            raise busy(self.name)
        return locked

    def change_session(self, pgs_id: int) -> Program[None]:
        """
        Roll back, and go on in a new session.

        One that has refreshed may remember a clean-up, which its next refresh would make although the first
        was rolled back: others on the source would lose what they have yet to read.
        """
        yield Run(statements.ROLLBACK)
        yield Pause()
        yield Run(BEGIN_SESSION)
        yield from self.lock(pgs_id)

    def attempt(self, table: StreamTable, attempts: Attempts, *, throughout: bool) -> Program[RefreshResult]:
        """Refresh it in one transaction, at a boundary."""
        if not self.options.lock_sources:
            yield Run(statements.BEGIN)
            at = Boundary()
        else:
            written = written_sources(table)
            is_immediate = table.refresh_mode == words.IMMEDIATE  # writers fill it themselves
            throughout = throughout or is_immediate or self.engine.keeps_positions
            throughout = throughout or table.is_external or is_scheduled(table, self.engine)
            if written and not throughout:
                yield Run(boundaries.keep_changes(self.engine), {"pgs_id": table.pgs_id})
                yield from clean(written, self.engine, attempts.length)
            written.sort(key=lambda source: (source not in self.first, source.oid))
            at = yield from boundary.take(
                readable_sources(table), written, self.engine, attempts, throughout=throughout
            )
            if not throughout:
                yield from demand_clean(written, self.engine)
        refreshed = yield from refresh_at(table, at, self.options, self.engine, attempts.length, self.call)
        return refreshed.result

    def wait_for(self, blocked: Busy, table: StreamTable, attempts: Attempts) -> Program[float]:
        """
        Roll back, and return the seconds to pause before the next attempt.

        :raises SourceLocked: if the time is over, naming who holds the lock.
        """
        yield Run(statements.ROLLBACK)
        self.first = [blocked.source]
        holders = yield from Holders.of(blocked.source, table.storage_oid)
        if attempts.is_last:
            raise locked_out(f"stream table {table.name} was", blocked.source, holders)
        return attempts.failed(autovacuum=holders.only_autovacuum)


@dataclass(frozen=True)
class Refreshed:
    """
    What a refresh did.

    :param result: for the caller.
    :param mark: what it left in the catalog; another refresh leaves something else. None if it was skipped.
    """

    result: RefreshResult
    mark: Any = None


def refresh_at(
    table: StreamTable,
    at: Boundary,
    options: RefreshOptions,
    engine: Engine,
    lock_timeout: float,
    call: Call | None = None,
) -> Program[Refreshed]:
    """
    Refresh a stream table in the transaction that is open at a boundary, and commit.

    Everything is decided by what the snapshot shows; who alters the stream table later makes the commit fail.

    :param table: what its sources were locked by.
    :param lock_timeout: seconds to wait for the lock on the stream table itself.
    :raises Changed: if the snapshot shows other sources.
    :raises Busy: if somebody reads or writes the stream table.
    """
    seen = yield from find(table.name, engine)
    if reason := reason_to_skip(seen, options, engine):
        yield Run(statements.ROLLBACK)
        return Refreshed(RefreshResult("skipped", data_timestamp=seen.data_timestamp, reason=reason))
    if _what_counts(seen) != _what_counts(table):
        raise Changed
    way = yield from way_to_refresh(seen, options, at, engine)
    reply = yield from (call or call_engine)(seen, way, options, engine, lock_timeout)
    if at.sets_frontier:
        oids = [str(source.oid) for source in written_sources(seen)]
        yield Run(
            boundaries.set_frontier(engine), {"pgs_id": seen.pgs_id, "oids": oids, "position": at.position}
        )
    mark = yield from mark_of(seen.name, engine)
    after = (yield Run(queries.refreshed(engine), {"pgs_id": seen.pgs_id})).rows[0]
    if engine.skips and not after["is_mine"]:
        raise Changed
    yield Run(statements.COMMIT)
    said = refresh_result(reply, engine)
    reasons = [_reason(way, table), SHARED if at.position and is_scheduled(seen, engine) else None]
    result = replace(
        said,
        action=words.FULL if after["recomputed"] else said.action,
        data_timestamp=after["data_timestamp"],
        reason="; ".join(reason for reason in reasons if reason) or None,
        locked_seconds=at.locked_seconds,
        boundary=at.position,
    )
    return Refreshed(result, mark)


def _what_counts(table: StreamTable) -> tuple[Any, ...]:
    """Return what decides how its sources are locked."""
    return table.pgs_id, table.sources, table.refresh_mode, table.unscheduled


def _reason(way: Way, table: StreamTable) -> str | None:
    """Return why it was refreshed in full; not our own mark, which a table without a frontier is given."""
    return None if way.is_reinit and not table.needs_reinit else way.reason


def mark_of(name: str, engine: Engine) -> Program[Any]:
    """Return what the last refresh of a stream table has left in the catalog."""
    return (yield Run(queries.marks(engine), {"names": [name]})).rows


def find(name: str, engine: Engine) -> Program[StreamTable]:
    """
    Fetch a stream table that is to be refreshed.

    :raises PgStreamError: if it cannot be.
    """
    return demand_whole(name, (yield from fetch(engine, [name])).get(name))


def demand_whole(name: str, table: StreamTable | None) -> StreamTable:
    """
    Return a stream table that is to be refreshed.

    :raises StreamTableNotFound: if there is none.
    :raises StreamTableFailed: if a source of it is gone, or its own table is.
    """
    if table is None:
        raise not_found(name)
    if table.vanished_sources or table.detached:
        # The engine would report success, and read nothing of the table that took the source's place.
        raise StreamTableFailed(table.concerns[0])
    return table


def reason_to_skip(table: StreamTable, options: RefreshOptions, engine: Engine) -> str | None:
    """
    Return why there is nothing to do, or None.

    :raises StreamTableSuspended: if it is paused and ``on_suspended`` is ``fail``.
    """
    if options.when == "unpopulated" and table.is_populated:
        return "it is populated"
    if options.when == "unattended" and table.unattended_because is None:
        return "the scheduler refreshes it"
    if options.when == "due" and (reason := due.not_yet(table)):
        return reason
    if table.is_paused and options.on_suspended != "resume":
        if options.on_suspended == "skip":
            return "it is SUSPENDED (paused)"
        raise suspended(table.name, engine)
    return None


def readable_sources(table: StreamTable) -> list[Source]:
    """Return the sources that a lock can keep from being truncated or altered."""
    return [source for source in table.sources if source.kind in statements.LOCKABLE]


def written_sources(table: StreamTable) -> list[Source]:
    """Return the sources whose writers have to be kept out for a moment: those whose changes count."""
    if table.refresh_mode not in (words.DIFFERENTIAL, words.IMMEDIATE):
        return []
    return [source for source in table.sources if source.kind == words.SOURCE_TABLE]


def altered_meanwhile(name: str, times: int) -> StreamTableFailed:
    """Return the error for what was altered again and again."""
    return StreamTableFailed(
        f"stream table {name} was not refreshed: it or a source of it was altered each of the {times} times "
        "that the refresh began; run it again when that has ended"
    )


def call_engine(
    table: StreamTable, way: Way, options: RefreshOptions, engine: Engine, lock_timeout: float
) -> Program[Reply]:
    """
    Let the engine refresh a stream table, in the transaction that is open.

    :raises Busy: if somebody reads or writes the stream table for longer than the timeout.
    """
    if table.is_paused:
        yield alter_call(table.name, engine, status=words.ACTIVE)
    yield from leave_error(table, engine)
    if way.full and table.refresh_mode == words.DIFFERENTIAL:
        if engine.repair is not None:
            yield Run(queries.call(engine, engine.repair, ("name",)), {"name": table.name})
        else:
            yield Run(boundaries.forget_frontier(engine), {"pgs_id": table.pgs_id})
    yield Run(statements.set_lock_timeout(lock_timeout))
    if options.statement_timeout is not None:
        yield Run(statements.set_statement_timeout(options.statement_timeout))
    try:
        if table.is_external:
            return (yield Run(queries.refresh_graph(engine), {"storage_oid": table.storage_oid}))
        return (yield Run(queries.refresh(engine), {"name": table.name}))
    except psycopg.errors.LockNotAvailable:
        raise Busy(own_table(table)) from None


def own_table(table: StreamTable) -> Source:
    """Return the table that holds the rows, as something to lock."""
    schema, own_name = table.name.split(".", 1)
    return Source(table.storage_oid, schema, own_name, words.SOURCE_STREAM_TABLE)


def refresh_result(reply: Reply, engine: Engine) -> RefreshResult:
    """Read what the engine says about a refresh; the row counts are its word, and not to be decided on."""
    if reply.rows and (node := reply.rows[0].get("node")):
        action = words.FULL if node["action"] == words.FULL else words.DIFFERENTIAL
        inserted, deleted = node["rows_inserted"], node["rows_deleted"]
        return RefreshResult("refreshed", action=action, rows_inserted=inserted, rows_deleted=deleted)
    for notice in reversed(reply.notices):
        if said := re.search(engine.says.refreshed, notice):
            inserted, deleted = said["inserted"], said["deleted"]
            return RefreshResult(
                "refreshed",
                action=said["action"],
                rows_inserted=None if inserted is None else int(inserted),
                rows_deleted=None if deleted is None else int(deleted),
            )
    return RefreshResult("refreshed")
