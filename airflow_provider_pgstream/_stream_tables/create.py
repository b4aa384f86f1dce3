"""
Creating and replacing.

A stream table is created empty, which holds its sources for a moment only, then populated at a boundary. One
that takes another's place is populated under another name first: until it is, the old one stays as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_pgstream._engines import queries, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import exists
from airflow_provider_pgstream._engines.programs import Pause, Program, Run
from airflow_provider_pgstream._engines.transactions import in_transaction
from airflow_provider_pgstream._engines.words import MAX_NAME_BYTES
from airflow_provider_pgstream._stream_tables.admission import admit, inspect, refuse_mode, refuse_schedule
from airflow_provider_pgstream._stream_tables.lifecycle import (
    alter_call,
    changed_settings,
    drop_table,
    lock_creation,
    refuse_dependents,
    reschedule,
)
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.refresh import refresh
from airflow_provider_pgstream._stream_tables.requery import can_requery, requery
from airflow_provider_pgstream._stream_tables.spec import Spec, needs_other_storage
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.models import RefreshResult, StreamTable

NEXT = "__next"
"""What is appended to the name of a stream table while its successor is being populated."""


def create(name: str, spec: Spec, installation: Installation) -> Program[RefreshResult]:
    """Create a stream table, or do with an existing one what the spec says."""
    started = time.monotonic()
    result = yield from _create(name, spec, installation)
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _create(name: str, spec: Spec, installation: Installation) -> Program[RefreshResult]:
    begun = yield from in_transaction(
        _begin(name, spec, installation.engine), installation, name, creating=True
    )
    if isinstance(begun, RefreshResult):
        return begun
    if begun.outcome == "created":
        return (yield from _populate(name, spec, installation, begun))
    if begun.keeps is not None:
        result = yield from requery(begun.keeps, spec, installation)
        if result is not None:
            return replace(result, outcome="altered")
        yield Pause()
        yield from in_transaction(refuse_dependents(name, installation.engine), installation, name)
    successor = _successor_of(name)
    remark = yield from in_transaction(
        _begin_successor(successor, spec, installation.engine), installation, name, creating=True
    )
    result = yield from _populate(successor, spec, installation, replace(begun, remark=remark))
    try:
        yield from in_transaction(_take_place(successor, name, installation.engine), installation, name)
    except PgStreamError as error:
        raise (yield from _discard(successor, installation, error)) from None
    return result


@dataclass(frozen=True)
class _Begun:
    """
    How it goes on.

    :param outcome: "created" or "replaced".
    :param remark: what is to be said about what was created.
    :param keeps: the stream table, if it may be given the new query instead of being replaced.
    """

    outcome: str
    remark: str | None = None
    keeps: StreamTable | None = None


def _begin(name: str, spec: Spec, engine: Engine) -> Program[RefreshResult | _Begun]:
    """Create it empty where there is none; return how to go on, or what was done."""
    yield from lock_creation(spec.lock_timeout)
    table = (yield from fetch(engine, [name])).get(name)
    if table is None:
        return _Begun("created", (yield from _create_empty(name, spec, engine)))
    if _is_unfinished(table, spec):
        return _Begun("created")
    if spec.if_exists == "fail":
        raise exists(name)
    if spec.if_exists == "skip":
        return RefreshResult("skipped", data_timestamp=table.data_timestamp, reason="it exists already")
    if not _must_be_recreated(table, spec, engine):
        return (yield from _alter_to(table, spec, engine))
    if _is_altered_to(table, spec) and (yield from can_requery(table, spec, engine)):
        return _Begun("replaced", keeps=table)
    yield from refuse_dependents(name, engine)
    return _Begun("replaced")


def _begin_successor(successor: str, spec: Spec, engine: Engine) -> Program[str | None]:
    yield from lock_creation(spec.lock_timeout)
    left_behind = (yield from fetch(engine, [successor])).get(successor)
    if left_behind is not None:
        yield from drop_table(left_behind, engine)
    return (yield from _create_empty(successor, spec, engine))


def _create_empty(name: str, spec: Spec, engine: Engine) -> Program[str | None]:
    """Create it, and return what is to be said about it."""
    yield from admit(name, spec, engine)
    values = {
        "query": spec.query,
        "schedule": engine.driven if spec.schedule is None else spec.schedule,
        "refresh_mode": spec.refresh_mode,
        # Populated by the create, which keeps writers out: they fill it themselves from then on.
        "initialize": spec.refresh_mode == words.IMMEDIATE,
        **spec.settings.of_create(engine),
    }
    yield Run(queries.create(engine, tuple(values)), {"name": name, **values})
    is_left_alone = spec.refresh_mode == words.IMMEDIATE or spec.settings.is_external
    unattended = spec.schedule is None and not is_left_alone
    rest = {
        **(engine.unattended_settings if unattended else {}),
        **spec.settings.left_by_create(engine),
    }
    if rest:
        yield alter_call(name, engine, **rest)
    return (yield from inspect(name, spec, engine))


def _populate(name: str, spec: Spec, installation: Installation, begun: _Begun) -> Program[RefreshResult]:
    """Populate what was created empty, and give it the status that it is to have; drop it if that fails."""
    engine = installation.engine
    try:
        refreshed = None
        if spec.initialize and spec.refresh_mode != words.IMMEDIATE:
            yield Pause()
            refreshed = yield from refresh(name, RefreshOptions(lock_timeout=spec.lock_timeout), installation)
        if spec.status is not None:
            status = _set_status(name, spec.status, engine)
            yield from in_transaction(status, installation, name)
    except PgStreamError as error:
        raise (yield from _discard(name, installation, error)) from None
    after = (yield from fetch(engine, [name]))[name]
    because = after.unattended_because
    result = refreshed or RefreshResult(begun.outcome)
    remarks = [f"nothing refreshes it by itself: {because}" if because else None, begun.remark]
    reason = "; ".join(remark for remark in remarks if remark) or None
    return replace(result, outcome=begun.outcome, data_timestamp=after.data_timestamp, reason=reason)


def _set_status(name: str, status: str, engine: Engine) -> Program[None]:
    yield alter_call(name, engine, status=status)


def _take_place(successor: str, name: str, engine: Engine) -> Program[None]:
    """Drop the old stream table, and give its name to the one that was populated beside it."""
    yield from lock_creation()
    tables = yield from fetch(engine, [name, successor])
    yield from refuse_dependents(name, engine)
    if name in tables:
        yield from drop_table(tables[name], engine)
    yield Run(queries.rename(engine, successor, name))


def _discard(name: str, installation: Installation, error: PgStreamError) -> Program[PgStreamError]:
    """Drop what could not be populated, and return the error that says why it could not."""
    yield Pause()
    try:
        yield from in_transaction(_drop_if_there(name, installation.engine), installation, name)
    except PgStreamError as another:
        return type(error)(f"{error}; and {name}, which is empty, could not be dropped again: {another}")
    return error


def _drop_if_there(name: str, engine: Engine) -> Program[None]:
    yield from lock_creation()
    table = (yield from fetch(engine, [name])).get(name)
    if table is not None:
        yield from drop_table(table, engine)


def _successor_of(name: str) -> str:
    schema, table = name.split(".", 1)
    return f"{schema}.{table.encode()[: MAX_NAME_BYTES - len(NEXT)].decode(errors='ignore')}{NEXT}"


def _is_unfinished(table: StreamTable, spec: Spec) -> bool:
    """Whether it was created just so, and whoever did was killed before it was populated."""
    return (
        spec.initialize
        and table.status == words.INITIALIZING
        and table.query.strip() == spec.query.strip()
        and _has_mode(table, spec.refresh_mode)
        and table.schedule == spec.schedule
    )


def _has_mode(table: StreamTable, mode: str) -> bool:
    """Whether it is in a mode; what came of AUTO is what the catalog says."""
    return mode in (table.refresh_mode, words.AUTO)


def _is_altered_to(table: StreamTable, spec: Spec) -> bool:
    """Whether it is all that is asked for, but for the query."""
    return (
        _has_mode(table, spec.refresh_mode)
        and table.schedule == spec.schedule
        and spec.status in (None, table.status)
        and not spec.settings.given
        and table.status == words.ACTIVE
        and not (table.vanished_sources or table.detached)
    )


def _must_be_recreated(table: StreamTable, spec: Spec, engine: Engine) -> bool:
    """Whether an alter is not enough: another query, a schedule to take away, or a broken table."""
    return (
        table.query.strip() != spec.query.strip()
        or (spec.schedule is None and table.schedule is not None and not engine.unattended_settings)
        or needs_other_storage(table, spec.refresh_mode)
        or table.status == words.ERROR
        or bool(table.vanished_sources)
        or table.detached
    )


def _alter_to(table: StreamTable, spec: Spec, engine: Engine) -> Program[RefreshResult]:
    refuse_mode(spec.refresh_mode, engine)
    refuse_schedule(spec.schedule, engine)
    wanted: dict[str, Any] = {}
    if spec.schedule != table.schedule:
        wanted = reschedule(table, spec.schedule, engine)
    if not _has_mode(table, spec.refresh_mode):
        wanted["refresh_mode"] = spec.refresh_mode
    if spec.status not in (None, table.status):
        wanted["status"] = spec.status
    wanted |= yield from changed_settings(table, spec.settings, engine)
    if not wanted:
        return RefreshResult("unchanged", data_timestamp=table.data_timestamp)
    yield alter_call(table.name, engine, **wanted)
    return RefreshResult("altered", data_timestamp=table.data_timestamp)
