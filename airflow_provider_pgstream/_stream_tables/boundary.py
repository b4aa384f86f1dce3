"""
The boundary: a snapshot and a WAL position that belong together.

Every change at or before the position is in the snapshot, and none after it. To take one, the sources are
locked against writers for a moment: a lock taken in a savepoint is released with the savepoint, while the
transaction's snapshot stays. docs/decisions/0002-boundary-refresh.md says why, with pictures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from airflow_provider_pgstream._engines import boundaries, statements
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream.models import Source


@dataclass(frozen=True)
class Boundary:
    """
    Where a transaction's snapshot stands.

    :param position: the WAL position; None where no source had to be locked.
    :param locked_seconds: for how long writers were kept out.
    :param sets_frontier: whether the position is to be stored as that up to which the sources were read.
    """

    position: str | None = None
    locked_seconds: float = 0.0
    sets_frontier: bool = False


class Changed(Exception):
    """What was locked, or left, is not what the snapshot shows: begin again."""


class Busy(Exception):
    """
    A lock did not come within its attempt.

    :param source: the source that was waited for.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.source = source


class Denied(Exception):
    """
    The role may not lock a source.

    :param source: the source.
    :param error: what the database said.
    """

    def __init__(self, source: Source, error: psycopg.Error) -> None:
        super().__init__(source)
        self.source = source
        self.error = error


def take(
    readable: Sequence[Source],
    written: Sequence[Source],
    engine: Engine,
    attempts: Attempts,
    *,
    throughout: bool = False,
) -> Program[Boundary]:
    """
    Begin a transaction at a boundary.

    :param readable: what is kept from being truncated or altered until the transaction ends.
    :param written: the tables whose writers are kept out for a moment; that which was busy last comes first.
    :param throughout: keep writers out until the transaction ends.
    :raises Busy: if a lock did not come in time; the transaction is to be rolled back.
    :raises Denied: if the role may not lock a source.
    """
    yield Run(
        sql.SQL("; ").join([sql.SQL(statements.BEGIN_BOUNDARY), statements.set_lock_timeout(attempts.length)])
    )
    yield from keep_readable(readable)
    if not written:
        return Boundary()
    yield Run("savepoint boundary")
    yield from _lock(written[:1], "share")
    began = time.monotonic()
    if written[1:]:
        yield Run(statements.set_lock_timeout(attempts.rest_length))
    for source in written[1:]:
        yield from _lock([source], "share")
    reply = yield Run(boundaries.position(engine) if throughout else boundaries.take_boundary(engine))
    locked_seconds = round(time.monotonic() - began, 4)
    return Boundary(str(reply.rows[0]["position"]), locked_seconds, sets_frontier=not throughout)


def keep_readable(sources: Sequence[Source]) -> Program[None]:
    """
    Keep sources from being truncated or altered until the transaction ends.

    A full refresh of a stream table is a TRUNCATE, which an older snapshot sees as empty.
    """
    if sources:
        yield from _lock(sources, "access share")


def _lock(sources: Sequence[Source], mode: str) -> Program[None]:
    try:
        yield Run(statements.lock_tables([(str(s.schema), str(s.table)) for s in sources], mode))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        raise Busy(sources[0]) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(sources[0], error) from None
