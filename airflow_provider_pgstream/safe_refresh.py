"""
The safe refresh: one stream table, one session, one transaction, its sources locked.

The engine moves its frontier past what a transaction still open has written, and never looks at it again. So
writers are waited for, as CREATE INDEX does, and kept out while the refresh runs.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import Literal

import psycopg

from airflow_provider_pgstream import engine, queries
from airflow_provider_pgstream.exceptions import (
    PgStreamError,
    SourceLocked,
    StreamTableFailed,
    StreamTableSuspended,
)
from airflow_provider_pgstream.models import RefreshResult, Source, StreamTable
from airflow_provider_pgstream.program import Program, Reply, Run
from airflow_provider_pgstream.transaction import give_everything_back
from airflow_provider_pgstream.translation import Place, not_found, translate

ATTEMPT = 0.9
"""Seconds for an attempt at all locks: less than `deadlock_timeout`, so that no writer ever loses."""

_DONE = re.compile(r"refreshed \((?P<action>[A-Z]+)(?:: \+(?P<inserted>\d+) -(?P<deleted>\d+))?\)")

OnSuspended = Literal["fail", "skip", "resume"]
When = Literal["always", "unpopulated", "unattended"]


@dataclass(frozen=True)
class RefreshOptions:
    """
    How a stream table is refreshed.

    :param when: ``always``, only if ``unpopulated``, or only if ``unattended`` (nothing else refreshes it).
    :param full: in FULL mode, once: repairs a DIFFERENTIAL table.
    :param lock_sources: lock the sources of a DIFFERENTIAL table. Without it rows can be lost.
    :param lock_timeout: seconds to try for the locks.
    :param on_suspended: what to do with a paused table: ``fail``, ``skip``, or ``resume`` it.
    """

    when: When = "always"
    full: bool = False
    lock_sources: bool = True
    lock_timeout: float = 10.0
    on_suspended: OnSuspended = "fail"


def safe_refresh(
    name: str, options: RefreshOptions | None = None, place: Place | None = None
) -> Program[RefreshResult]:
    """
    Refresh one stream table; run it in a session of its own.

    :param name: ``schema.table``.
    :param place: the database, for messages.
    :raises PgStreamError: the class that fits; nothing is changed and no lock is left then.
    """
    options = options or RefreshOptions()
    started = time.monotonic()
    try:
        result = yield from _refresh_in_transaction(name, options, started, place)
    except (psycopg.Error, PgStreamError) as error:
        yield from give_everything_back()
        if isinstance(error, PgStreamError):
            raise
        raise translate(error, stream_table=name, place=place) from None
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _refresh_in_transaction(
    name: str, options: RefreshOptions, started: float, place: Place | None
) -> Program[RefreshResult]:
    table = yield from _begin(name)
    why_not = _reason_to_skip(table, options)
    if why_not:
        yield Run(queries.ROLLBACK)
        return RefreshResult("skipped", data_timestamp=table.data_timestamp, reason=why_not)
    if options.lock_sources and table.refresh_mode == engine.DIFFERENTIAL:
        table = yield from _lock_sources(table, started + options.lock_timeout, place)
    yield Run(queries.set_lock_timeout(max(ATTEMPT, started + options.lock_timeout - time.monotonic())))
    if table.is_paused:
        yield _alter(name, status=engine.ACTIVE)
    try:
        reply = yield from _refresh(table, full=options.full or table.needs_reinit)
    except psycopg.errors.LockNotAvailable:
        raise (yield from _locked_out(table, [table.storage_oid], queries.AGAINST_ACCESS_EXCLUSIVE)) from None
    after = yield Run(queries.DATA_TIMESTAMP, {"pgs_id": table.pgs_id})
    yield Run(queries.COMMIT)
    reason = "a source changed its columns" if table.needs_reinit and not options.full else None
    return replace(refresh_result(reply), data_timestamp=after.rows[0]["data_timestamp"], reason=reason)


def _begin(name: str) -> Program[StreamTable]:
    yield Run(f"{queries.NOTICE_DEAD_CLIENTS}; {queries.BEGIN}")
    reply = yield Run(queries.STREAM_TABLES, {"names": [name]})
    if not reply.rows:
        raise not_found(name)
    table = StreamTable.from_row(reply.rows[0])
    if table.vanished_sources or table.detached:
        # The engine would say that all is well, and read nothing of the table that took the source's place.
        raise StreamTableFailed(table.concerns[0])
    return table


def _reason_to_skip(table: StreamTable, options: RefreshOptions) -> str | None:
    if options.when == "unpopulated" and table.is_populated:
        return "it is populated"
    if options.when == "unattended" and table.unattended_because is None:
        return "the scheduler refreshes it"
    if table.is_paused and options.on_suspended != "resume":
        if options.on_suspended == "skip":
            return "it is SUSPENDED (paused)"
        raise StreamTableSuspended(
            f"stream table {table.name} is SUSPENDED (paused): resume it with "
            f"select {engine.SCHEMA}.alter_stream_table('{table.name}', status => 'ACTIVE'), "
            "or set on_suspended='resume'"
        )
    return None


def _lock_sources(table: StreamTable, deadline: float, place: Place | None) -> Program[StreamTable]:
    """Lock the sources in short attempts, a transaction each, so that no writer queues behind an old one."""
    while True:
        wanted = _to_lock(table)
        attempt_ends = min(time.monotonic() + ATTEMPT, deadline)
        try:
            for source in wanted:
                left = attempt_ends - time.monotonic()
                yield Run(queries.lock_in_share_mode(str(source.schema), str(source.table), left))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() >= deadline:
                oids = [source.oid for source in wanted]
                raise (yield from _locked_out(table, oids, queries.AGAINST_SHARE)) from None
            yield Run(queries.ROLLBACK)
            table = yield from _begin(table.name)
            continue
        except psycopg.errors.InsufficientPrivilege as error:
            raise translate(error, stream_table=table.name, place=place, locking=str(source.name)) from None
        # It may have been altered or created anew while the locks were waited for; from here on it cannot be.
        now = (yield Run(queries.LOOK_AGAIN, {"pgs_id": table.pgs_id})).rows
        seen = (table.status, table.refresh_mode, table.needs_reinit, [source.oid for source in wanted])
        if now and (now[0]["status"], now[0]["refresh_mode"], now[0]["needs_reinit"], now[0]["oids"]) == seen:
            return table
        yield Run(queries.ROLLBACK)
        table = yield from _begin(table.name)


def _to_lock(table: StreamTable) -> list[Source]:
    """The sources that have a change buffer, in the one order in which everybody locks them."""
    tables = [source for source in table.sources if source.kind == engine.SOURCE_TABLE and source.name]
    return sorted(tables, key=lambda source: source.oid)


def _refresh(table: StreamTable, *, full: bool) -> Program[Reply]:
    repair = full and table.refresh_mode == engine.DIFFERENTIAL
    if repair:
        yield _alter(table.name, refresh_mode=engine.FULL)
    reply = yield Run(queries.REFRESH, {"name": table.name})
    if repair:
        yield _alter(table.name, refresh_mode=engine.DIFFERENTIAL)
    return reply


def _alter(name: str, *, refresh_mode: str | None = None, status: str | None = None) -> Run:
    return Run(
        queries.ALTER, {"name": name, "schedule": None, "refresh_mode": refresh_mode, "status": status}
    )


def refresh_result(reply: Reply) -> RefreshResult:
    """Read what the engine says about a refresh; the row counts are its word, and not to be decided on."""
    for notice in reversed(reply.notices):
        if said := _DONE.search(notice):
            inserted, deleted = said["inserted"], said["deleted"]
            return RefreshResult(
                "refreshed",
                action=said["action"],
                rows_inserted=None if inserted is None else int(inserted),
                rows_deleted=None if deleted is None else int(deleted),
            )
    return RefreshResult("refreshed")


def _locked_out(table: StreamTable, oids: list[int], modes: list[str]) -> Program[SourceLocked]:
    yield Run(queries.ROLLBACK)
    reply = yield Run(queries.LOCK_HOLDERS, {"oids": oids, "modes": modes})
    holders = "; ".join(
        f"pid {row['pid']} ({row['usename']}, {row['application_name'] or 'no application name'}, "
        f"{row['state']}, transaction open for {row['seconds']} s): {row['query']}"
        for row in reply.rows
    )
    what = (
        ", ".join(source.name for source in table.sources if source.oid in oids and source.name) or table.name
    )
    return SourceLocked(
        f"stream table {table.name} was not refreshed: the lock on {what} was not to be had in time; "
        + (f"it is held by {holders}. " if holders else "whoever held it has just let go. ")
        + "End that transaction, or raise lock_timeout"
    )
