"""A refresh in a transaction that is open at a boundary: decide by its snapshot, call the engine, commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import psycopg

from airflow_provider_pgstream._engines import boundaries, queries, statements, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import not_found, suspended
from airflow_provider_pgstream._engines.programs import Program, Reply, Run
from airflow_provider_pgstream._stream_tables import due
from airflow_provider_pgstream._stream_tables.boundary import Boundary, Busy, Changed
from airflow_provider_pgstream._stream_tables.hazards import Way, is_scheduled, way_to_refresh
from airflow_provider_pgstream._stream_tables.lifecycle import alter_call, leave_error
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream.exceptions import StreamTableFailed
from airflow_provider_pgstream.models import RefreshResult, Source, StreamTable

SHARED = (
    "its scheduler refreshes it, too: writers of its sources waited until the end, and what is lost "
    "between two refreshes from here, only one with full=True brings back"
)

Call: TypeAlias = Callable[[StreamTable, Way, RefreshOptions, Engine, float], Program[Reply]]


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
