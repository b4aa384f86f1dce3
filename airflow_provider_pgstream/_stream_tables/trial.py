"""The trial refresh of a comparison: in a savepoint, with short attempts at the lock, and never kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_pgstream._engines import captures, statements, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Reply, Run, Sleep
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream._stream_tables.boundary import Busy
from airflow_provider_pgstream._stream_tables.hazards import Way
from airflow_provider_pgstream._stream_tables.holders import Holders, locked_out
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.refresh_at import call_engine, refresh_result
from airflow_provider_pgstream.models import StreamTable

UNDO = f"rollback to savepoint trial; {statements.UNLOCK_ALL}"
"""Takes back what a trial did, and releases the lock that one which failed leaves with the session."""


@dataclass(frozen=True)
class Trial:
    """
    What a trial refresh did.

    :param action: FULL or DIFFERENTIAL.
    """

    action: str | None

    @property
    def recomputed(self) -> bool:
        """Whether the rows that readers see were replaced, so that nothing is known of them afterwards."""
        return self.action != words.DIFFERENTIAL


def trial_refresh(table: StreamTable, way: Way, engine: Engine, attempts: Attempts) -> Program[Trial]:
    """
    Refresh a stream table after a savepoint ``trial``; roll back to it with :data:`UNDO`.

    A refresh that recomputes truncates the table and so waits for its readers, and new readers behind it.

    :raises SourceLocked: if the lock on the stream table does not come in time.
    """
    yield Run("savepoint trial")
    before = yield from _file(table)
    reply = yield from _attempt(table, way, engine, attempts)
    after = yield from _file(table)
    # The engine may say DIFFERENTIAL, and recompute.
    return Trial(words.FULL if after != before else refresh_result(reply, engine).action)


def _attempt(table: StreamTable, way: Way, engine: Engine, attempts: Attempts) -> Program[Reply]:
    while True:
        try:
            return (yield from call_engine(table, way, RefreshOptions(), engine, attempts.length))
        except Busy as blocked:
            yield Run(UNDO)
            yield Run(statements.FRESH_ACTIVITY)
            holders = yield from Holders.of(blocked.source, table.storage_oid)
            if attempts.is_last:
                what = f"for the comparison, stream table {table.name} was"
                raise locked_out(what, blocked.source, holders) from None
        yield Sleep(attempts.failed(autovacuum=holders.only_autovacuum))


def _file(table: StreamTable) -> Program[Any]:
    return (yield Run(captures.STORAGE_FILE, {"oid": table.storage_oid})).rows[0]["file"]
