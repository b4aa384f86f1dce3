"""
The refresh: one stream table, in a session of its own, at a boundary.

Called plainly, an engine loses what transactions that are still open have written. See :mod:`boundary`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from airflow_provider_pgstream._engines import boundaries, statements, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import SEARCH_PATH, Engine
from airflow_provider_pgstream._engines.errors import busy, translate
from airflow_provider_pgstream._engines.programs import Pause, Program, Run, Sleep
from airflow_provider_pgstream._engines.transactions import roll_back
from airflow_provider_pgstream._stream_tables import boundary
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream._stream_tables.boundary import Boundary, Busy, Changed, Denied
from airflow_provider_pgstream._stream_tables.cleaning import clean, demand_clean
from airflow_provider_pgstream._stream_tables.hazards import is_scheduled
from airflow_provider_pgstream._stream_tables.holders import Holders, locked_out
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.refresh_at import (
    Call,
    call_engine,
    find,
    own_table,
    readable_sources,
    reason_to_skip,
    refresh_at,
    written_sources,
)
from airflow_provider_pgstream.exceptions import PgStreamError, SourceLocked, StreamTableFailed
from airflow_provider_pgstream.models import RefreshResult, Source, StreamTable

CHANGES_MEANWHILE = 20
"""How often a refresh begins again because somebody altered the stream table or a source while it ran."""

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
        result = yield from _Refresh(name, options, installation, call or call_engine).run()
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


def altered_meanwhile(name: str, times: int) -> StreamTableFailed:
    """Return the error for what was altered again and again."""
    return StreamTableFailed(
        f"stream table {name} was not refreshed: it or a source of it was altered each of the {times} times "
        "that the refresh began; run it again when that has ended"
    )
