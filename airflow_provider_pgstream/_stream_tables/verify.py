"""
Comparing a stream table with its query, in one snapshot that is rolled back.

No lock is taken but that of every reader, so nobody is kept from writing, and every wait for a lock has a
limit. What is compared, and what that proves, stands in :mod:`evidence`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import psycopg

from airflow_provider_pgstream._arguments import one_of, parse_rendered
from airflow_provider_pgstream._engines import statements
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import translate
from airflow_provider_pgstream._engines.programs import Pause, Program, Run
from airflow_provider_pgstream._engines.transactions import in_transaction
from airflow_provider_pgstream._stream_tables import boundary
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream._stream_tables.boundary import Busy
from airflow_provider_pgstream._stream_tables.evidence import Evidence, altered_meanwhile, is_transient
from airflow_provider_pgstream._stream_tables.holders import Holders, locked_out
from airflow_provider_pgstream._stream_tables.pending import buffers_of, is_pending
from airflow_provider_pgstream._stream_tables.refresh import BEGIN_SESSION
from airflow_provider_pgstream._stream_tables.refresh_at import find, own_table, readable_sources
from airflow_provider_pgstream.exceptions import PgStreamError, StreamTableFailed
from airflow_provider_pgstream.models import Source, StreamTable, Verification

BUSY_TIMEOUT = 600.0
"""Seconds to wait for a refresh of the same table, holding nothing."""

ON_DIFFERENCE = ("fail", "repair", "warn")

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """
    How stream tables are compared with their queries.

    :param on_difference: ``fail``; ``repair`` by a full refresh and compare again; or ``warn`` in the log.
        What may be lag is warned of, whatever this says.
    :param limit: how many example rows to show, of each kind; they are people's data.
    :param float_tolerance: relative difference up to which floats are equal.
    :param lock_timeout: seconds to try for locks, in attempts with pauses between them.
    """

    on_difference: str = "fail"
    limit: int = 0
    float_tolerance: float = 1e-9
    lock_timeout: float = 10.0

    def __post_init__(self) -> None:
        parse_rendered(self)
        one_of("on_difference", self.on_difference, ON_DIFFERENCE)


def verify(name: str, options: VerifyOptions, installation: Installation) -> Program[Verification]:
    """
    Compare a stream table with its query both ways, and change nothing; run it in a session of its own.

    :param name: ``schema.table``.
    :raises StreamTableFailed: if it was never populated, or its refresh or its query fails.
    :raises SourceLocked: if somebody alters it or a source for longer than ``lock_timeout``.
    """
    started = time.monotonic()
    try:
        found = yield from _in_attempts(name, options, installation)
    except psycopg.Error as error:
        raise translate(error, installation, stream_table=name) from None
    return replace(found, seconds=round(time.monotonic() - started, 3))


def _in_attempts(name: str, options: VerifyOptions, installation: Installation) -> Program[Verification]:
    deadlock_timeout = (yield Run(statements.DEADLOCK_TIMEOUT)).rows[0]["deadlock_timeout"]
    attempts = Attempts(options.lock_timeout, deadlock_timeout)
    deadline = time.monotonic() + BUSY_TIMEOUT
    wait = FIRST_WAIT
    while True:
        try:
            return (yield from _attempt(name, options, installation, attempts))
        except Busy as blocked:
            yield Pause()
            holders = yield from Holders.of_exclusive(blocked.source)
            if attempts.is_last:
                what = f"stream table {name} was"
                raise locked_out(what, blocked.source, holders, done="verified") from None
            yield Pause(attempts.failed(autovacuum=holders.only_autovacuum))
        except PgStreamError as error:
            if not is_transient(error) or time.monotonic() > deadline:
                raise
            yield Pause(wait)
            wait = min(wait * 2, LONGEST_WAIT)


def _attempt(
    name: str, options: VerifyOptions, installation: Installation, attempts: Attempts
) -> Program[Verification]:
    engine = installation.engine
    yield Run(BEGIN_SESSION)
    table = yield from find(name, engine)
    buffers = yield from buffers_of(table, engine)
    body = _in_snapshot(table, buffers, options, installation, attempts)
    return (
        yield from in_transaction(
            body, installation, name, begin=statements.BEGIN_SNAPSHOT, end=statements.ROLLBACK
        )
    )


def _in_snapshot(
    table: StreamTable,
    buffers: dict[int, Source],
    options: VerifyOptions,
    installation: Installation,
    attempts: Attempts,
) -> Program[Verification]:
    # Before the snapshot: a full refresh is a TRUNCATE, which an older snapshot sees as empty.
    yield Run(statements.set_lock_timeout(attempts.length))
    for source in (own_table(table), *readable_sources(table)):
        yield from boundary.keep_readable([source])
    pending = yield from is_pending(table, buffers, installation.engine)
    seen = yield from _find_again(table, installation.engine)
    yield Run(statements.set_lock_timeout(options.lock_timeout))
    trial_attempts = Attempts(options.lock_timeout, attempts.deadlock_timeout)
    parameters = {"limit": options.limit, "tolerance": options.float_tolerance}
    evidence = yield from Evidence.of(seen, pending, parameters, trial_attempts, installation)
    return (yield from evidence.verification())


def _find_again(table: StreamTable, engine: Engine) -> Program[StreamTable]:
    """Fetch the stream table as the snapshot has it."""
    seen = yield from find(table.name, engine)
    if (seen.pgs_id, seen.storage_oid, seen.sources) != (table.pgs_id, table.storage_oid, table.sources):
        raise altered_meanwhile(table.name)
    if not seen.is_populated:
        raise StreamTableFailed(
            f"stream table {table.name} is not verified: it was never populated, so its readers see no rows; "
            "refresh it first"
        )
    return seen
