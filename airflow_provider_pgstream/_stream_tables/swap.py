"""
The swap: a stream table with another query, or on a source that was rebuilt, takes the place of the old one.

It is populated beside that, which holds nobody, and takes its name, views and readers in one short
transaction. Until then the old one is what readers see, and where anything fails, it stays.
"""

from __future__ import annotations

import time
from typing import TypeVar

import psycopg
from psycopg import sql

from airflow_provider_pgstream._engines import admission, queries, statements, swaps, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import translate
from airflow_provider_pgstream._engines.programs import Gather, Pause, Program, Run, Sleep
from airflow_provider_pgstream._engines.swaps import Swap
from airflow_provider_pgstream._engines.transactions import roll_back
from airflow_provider_pgstream._stream_tables.holders import Holders, locked_out
from airflow_provider_pgstream._stream_tables.lifecycle import alter_call, drop_table
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.refresh import refresh
from airflow_provider_pgstream._stream_tables.refresh_at import own_table
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream.exceptions import DependentObjectsExist, RefreshInProgress
from airflow_provider_pgstream.models import StreamTable

T = TypeVar("T")

WAY_OUT = "remove that first, or give if_exists='recreate', which drops the old table"

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two attempts at the exchange, in which readers go on."""


def of(name: str, spec: Spec, engine: Engine) -> Swap:
    """Return the swap of a stream table."""
    return Swap(engine, name, WAY_OUT, keeps_pause=spec.status is None)


def can_swap(table: StreamTable, spec: Spec, engine: Engine) -> Program[bool]:
    """Tell whether a new one can take its place, by what this role may write and by both modes."""
    if spec.if_exists != "replace" or not spec.initialize or table.detached or engine.keeps_positions:
        return False
    # One that its writers fill has triggers of its own on the sources.
    if words.IMMEDIATE in (spec.refresh_mode, table.refresh_mode) or spec.settings.is_external:
        return False
    return bool((yield Run(swaps.may_swap(engine))).rows[0]["may"])


def alone(swap: Swap, program: Program[T]) -> Program[T]:
    """
    Run a program in sessions of its own, while this one keeps other swaps of the stream table away.

    :raises RefreshInProgress: if there is another one.
    """
    yield Pause()
    if not (yield Run(swaps.LOCK_SWAP, {"name": swap.name})).rows[0]["locked"]:
        raise RefreshInProgress(f"stream table {swap.name} is being replaced by another session: wait for it")
    (outcome,) = (yield Gather([program], 1)).outcomes
    if isinstance(outcome, BaseException):
        raise outcome
    result: T = outcome
    return result


def drop_leftovers(swap: Swap) -> Program[None]:
    """Drop what an earlier swap has left behind."""
    for name in (swap.tap, swap.next):
        table = (yield from fetch(swap.engine, [name])).get(name)
        if table is not None:
            yield from drop_table(table, swap.engine)


def prepare(swap: Swap) -> Program[str | None]:
    """
    Rehearse, and give the new one, which is empty, what the old one has; return what is to be said.

    :raises DependentObjectsExist: naming what would be lost, or what reads a column that goes away.
    """
    yield from _run(swap.rehearse())
    yield from _run(swap.dress())
    left_out = (yield Run(swaps.LEFT_OUT)).rows[0]["indexes"]
    if swap.engine.buffers_of_read:
        yield from _create_tap(swap)
    return f"without index {left_out}, of a column that is gone" if left_out else None


def _create_tap(swap: Swap) -> Program[None]:
    tables = yield from fetch(swap.engine)
    if not any(swap.name in table.upstream for table in tables.values()):
        return
    columns = Run(admission.columns_of(swap.engine), {"oid": tables[swap.next].storage_oid})
    values = {
        "query": f"select {(yield columns).rows[0]['columns']} from {swap.next}",
        "schedule": swap.engine.driven,
        "refresh_mode": words.DIFFERENTIAL,
        "initialize": False,
        **swap.engine.create_settings,
    }
    yield Run(queries.create(swap.engine, tuple(values)), {"name": swap.tap, **values})
    yield alter_call(swap.tap, swap.engine, **swap.engine.unattended_settings)


def _run(block: sql.Composed) -> Program[None]:
    try:
        yield Run(block)
    except psycopg.Error as error:
        if error.sqlstate != swaps.REFUSED:
            raise
        raise DependentObjectsExist(str(error.diag.message_primary)) from None


def take_place(swap: Swap, spec: Spec, installation: Installation) -> Program[None]:
    """
    Catch up with what changed meanwhile, then exchange the two, in attempts.

    :raises SourceLocked: if somebody reads the old one, or a view on it, for longer than ``lock_timeout``.
    """
    if spec.refresh_mode != words.FULL and spec.status != words.SUSPENDED:
        yield Pause()
        yield from refresh(swap.next, RefreshOptions(lock_timeout=spec.lock_timeout), installation)
    ends = time.monotonic() + spec.lock_timeout
    pause = FIRST_PAUSE
    while not (yield from _exchange(swap, installation)):
        if time.monotonic() >= ends:
            table = own_table((yield from fetch(swap.engine, [swap.name]))[swap.name])
            holders = yield from Holders.of(table, table.oid)
            raise locked_out(f"stream table {swap.name} was", table, holders, done="swapped")
        yield Sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _exchange(swap: Swap, installation: Installation) -> Program[bool]:
    """Return whether the locks came in time."""
    yield Run(statements.BEGIN)
    try:
        yield from _run(swap.exchange())
        yield Run(statements.COMMIT)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        yield from roll_back()
        return False
    except psycopg.Error as error:
        yield from roll_back()
        raise translate(error, installation, stream_table=swap.name) from None
    except DependentObjectsExist:
        yield from roll_back()
        raise
    return True
