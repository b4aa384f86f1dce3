"""
Leaving an engine nothing to clean up.

Some begin a refresh with a clean-up of the sources' change buffers, by TRUNCATE where they see no change that
is still to be read. In the snapshot of a boundary they do not see what was committed since, and a TRUNCATE
takes that along. So what every stream table on a source has read is deleted before the boundary, which is
what the engine would have done; if by then somebody has read more, the refresh begins again.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from airflow_provider_pgstream._engines import captures, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables.boundary import Busy, Changed
from airflow_provider_pgstream.models import Source


def clean(sources: Sequence[Source], engine: Engine, lock_timeout: float) -> Program[None]:
    """
    Delete from the change buffers of some sources what has been read, and commit.

    A transaction of its own: two that delete the same rows in snapshots of theirs would collide.

    :raises Busy: if somebody truncates a buffer for longer than the timeout.
    """
    for buffer, lsn in (yield from _read_up_to(sources, engine)):
        try:
            yield Run(captures.delete_read(engine, str(buffer.table), lsn, lock_timeout))
        except psycopg.errors.LockNotAvailable:
            raise Busy(buffer) from None


def demand_clean(sources: Sequence[Source], engine: Engine) -> Program[None]:
    """
    Make sure that there is nothing to clean up, in the snapshot that a refresh is to see.

    :raises Changed: if there is.
    :raises Busy: if somebody truncates a buffer.
    """
    for buffer, lsn in (yield from _read_up_to(sources, engine)):
        try:
            found = (yield Run(captures.has_read(engine, str(buffer.table)), {"lsn": lsn})).rows[0]["found"]
        except psycopg.errors.LockNotAvailable:
            raise Busy(buffer) from None
        if found:
            raise Changed


def _read_up_to(sources: Sequence[Source], engine: Engine) -> Program[list[tuple[Source, str]]]:
    """Return the change buffers of some sources, each with the position up to which all have read it."""
    if not sources or not engine.truncates_buffers or engine.keeps_positions:
        return []
    rows = (yield Run(captures.read_up_to(engine), {"oids": [source.oid for source in sources]})).rows
    schema = engine.changes_schema
    return [(Source(row["oid"], schema, row["buffer"], words.SOURCE_TABLE), row["lsn"]) for row in rows]
