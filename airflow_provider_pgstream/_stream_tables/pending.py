"""Whether changes wait that a stream table has not read: until it has, it differs from its query."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_pgstream._engines import captures, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables import boundary
from airflow_provider_pgstream.models import Source, StreamTable


def buffers_of(table: StreamTable, engine: Engine) -> Program[dict[int, Source]]:
    """Return the change buffer of each source of a stream table that has one, by the source's oid."""
    rows = (yield Run(captures.buffers_of(engine), {"pgs_id": table.pgs_id})).rows
    return {
        row["source_oid"]: Source(row["oid"], engine.changes_schema, row["buffer"], words.SOURCE_TABLE)
        for row in rows
    }


def is_pending(table: StreamTable, buffers: Mapping[int, Source], engine: Engine) -> Program[bool | None]:
    """
    Tell whether changes wait, in the snapshot that this takes; None where that is unknown.

    Known are the changes of tables: what a stream table that is read has got since is noted nowhere.

    :raises Busy: if a buffer is being truncated.
    """
    if table.refresh_mode == words.IMMEDIATE:
        return False  # its writers leave nothing to be read
    found = yield from _in_buffers(table, buffers, engine)
    if True in found:
        return True
    # What a view reads is among the sources, too.
    relations = [source for source in table.sources if source.kind != words.SOURCE_VIEW]
    is_known = all(source.kind == words.SOURCE_TABLE and source.oid in buffers for source in relations)
    return False if is_known and None not in found else None


def _in_buffers(
    table: StreamTable, buffers: Mapping[int, Source], engine: Engine
) -> Program[set[bool | None]]:
    if not buffers:
        return set()
    # Who cleans a buffer up truncates it, which an older snapshot sees as empty. It is locked for a moment
    # only: the clean-up would wait for it, and writers behind the clean-up.
    yield Run("savepoint buffers")
    for buffer in buffers.values():
        yield from boundary.keep_readable([buffer])
    names = {oid: str(buffer.table) for oid, buffer in buffers.items()}
    rows = (yield Run(captures.pending(engine, names), {"pgs_id": table.pgs_id})).rows
    yield Run("rollback to savepoint buffers; release savepoint buffers")
    return {row["pending"] for row in rows}
