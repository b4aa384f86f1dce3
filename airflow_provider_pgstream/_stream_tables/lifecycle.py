"""Altering, dropping and trimming."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg

from airflow_provider_pgstream._engines import captures, queries, statements, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import not_found
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._engines.transactions import in_transaction
from airflow_provider_pgstream._stream_tables.admission import clear_leftovers, refuse_mode, refuse_schedule
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.settings import Settings
from airflow_provider_pgstream._stream_tables.spec import needs_other_storage, refresh_mode_word, status_word
from airflow_provider_pgstream.exceptions import DependentObjectsExist, InvalidStreamTable
from airflow_provider_pgstream.models import RefreshResult, StreamTable

LOCK_TIMEOUT = 10.0
"""Seconds to wait for whoever creates, alters, drops or refreshes at that moment."""


def lock_creation(lock_timeout: float = LOCK_TIMEOUT) -> Program[None]:
    """Keep others from creating, altering and dropping until the transaction ends."""
    yield Run(statements.set_lock_timeout(lock_timeout))
    yield Run(statements.LOCK_CREATION)


def alter(
    name: str,
    schedule: str | None,
    refresh_mode: str | None,
    status: str | None,
    settings: Settings,
    installation: Installation,
) -> Program[RefreshResult]:
    """Change what is given; what is None, or as it is already, is left alone."""
    started = time.monotonic()
    mode = None if refresh_mode is None else refresh_mode_word(refresh_mode)
    body = _alter(name, schedule, mode, status_word(status), settings, installation.engine)
    result = yield from in_transaction(body, installation, name)
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _alter(
    name: str,
    schedule: str | None,
    refresh_mode: str | None,
    status: str | None,
    settings: Settings,
    engine: Engine,
) -> Program[RefreshResult]:
    refuse_schedule(schedule, engine)
    if refresh_mode == words.AUTO:
        raise InvalidStreamTable(
            f"stream table {name} is not altered: AUTO is a choice at creation; give DIFFERENTIAL or FULL"
        )
    refuse_mode(refresh_mode, engine)
    yield from lock_creation()
    table = (yield from fetch(engine, [name])).get(name)
    if table is None:
        raise not_found(name)
    if needs_other_storage(table, refresh_mode):
        raise InvalidStreamTable(
            f"stream table {name} is in {table.refresh_mode} mode, and is not altered to {refresh_mode} "
            "because its "
            f"storage may lack what it needs: create it again with refresh_mode='{refresh_mode}', "
            "if_exists='replace'"
        )
    wanted: dict[str, Any] = {}
    if schedule not in (None, table.schedule):
        wanted = reschedule(table, schedule, engine)
    if refresh_mode not in (None, table.refresh_mode):
        wanted["refresh_mode"] = refresh_mode
    if status is not None and (status != table.status or table.consecutive_errors):
        wanted["status"] = status
    wanted |= yield from changed_settings(table, settings, engine)
    if not wanted:
        return RefreshResult("unchanged", data_timestamp=table.data_timestamp)
    yield _pause_call(table, wanted, engine) or alter_call(name, engine, **wanted)
    return RefreshResult("altered", data_timestamp=table.data_timestamp)


def _pause_call(table: StreamTable, wanted: dict[str, Any], engine: Engine) -> Run | None:
    """Return the engine's own call to pause or to resume, if that is all there is to do and it takes it."""
    function = {
        (words.ACTIVE, words.SUSPENDED): "pause_stream_table",
        (words.SUSPENDED, words.ACTIVE): "resume_stream_table",
        (words.ERROR, words.ACTIVE): "resume_stream_table",
    }.get((table.status, wanted.get("status", "")))
    if function is None or len(wanted) > 1 or not engine.pauses:
        return None
    return Run(queries.call(engine, function, ("name",)), {"name": table.name})


def reschedule(table: StreamTable, schedule: str | None, engine: Engine) -> dict[str, Any]:
    """Return what an alter sends to give a stream table a schedule, or to take it away."""
    if schedule is None:
        return {"schedule": engine.driven, **engine.unattended_settings}
    return {"schedule": schedule, **({} if table.schedule else engine.attended_settings)}


def changed_settings(table: StreamTable, settings: Settings, engine: Engine) -> Program[dict[str, Any]]:
    """
    Return those of some settings that are other than the catalog has them.

    :raises InvalidStreamTable: if an alter of the engine cannot set one of those.
    """
    wanted = settings.given
    if not wanted:
        return {}
    row = (yield Run(queries.catalog_row(engine), {"pgs_id": table.pgs_id})).rows[0]["row"]
    columns = {name: engine.setting_columns.get(name, name) for name in wanted}
    changed = {name: value for name, value in wanted.items() if row.get(columns[name]) != value}
    return Settings(**changed).of_alter(engine)


def alter_call(name: str, engine: Engine, **settings: Any) -> Run:
    """Return the engine's alter, which leaves alone what is None."""
    given = {key: value for key, value in settings.items() if value is not None}
    return Run(queries.alter(engine, tuple(given)), {"name": name, **given})


def leave_error(table: StreamTable, engine: Engine) -> Program[None]:
    """Make a stream table in ERROR active, where it could not be refreshed otherwise."""
    if engine.stays_in_error and table.status == words.ERROR:
        yield alter_call(table.name, engine, status=words.ACTIVE)


def drop(name: str, if_exists: bool, cascade: bool, installation: Installation) -> Program[RefreshResult]:
    """Drop a stream table, and with ``cascade`` what reads it."""
    started = time.monotonic()
    body = _drop_checked(name, if_exists, cascade, installation.engine)
    result = yield from in_transaction(body, installation, name)
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _drop_checked(name: str, if_exists: bool, cascade: bool, engine: Engine) -> Program[RefreshResult]:
    yield from lock_creation()
    tables = yield from fetch(engine)
    if name not in tables:
        if if_exists:
            return RefreshResult("skipped", reason="it does not exist")
        raise not_found(name)
    if not cascade:
        yield from refuse_dependents(name, engine)
    gone = []
    for row in (yield Run(queries.dependents(engine), {"name": name})).rows:
        gone.append(row["name"])
        if row["is_stream_table"]:
            yield from drop_table(tables[row["name"]], engine)
    yield from drop_table(tables[name], engine)
    return RefreshResult("dropped", reason=f"with it: {', '.join(gone)}" if gone else None)


def refuse_dependents(name: str, engine: Engine) -> Program[None]:
    """
    Refuse to drop what something reads.

    :raises DependentObjectsExist: naming it.
    """
    dependents = (yield Run(queries.dependents(engine), {"name": name})).rows
    if dependents:
        names = ", ".join(
            f"{'stream table' if row['is_stream_table'] else 'view'} {row['name']}" for row in dependents
        )
        raise DependentObjectsExist(
            f"stream table {name} is read by {names}: drop those first, or drop it with cascade=True"
        )


def drop_table(table: StreamTable, engine: Engine) -> Program[None]:
    """Drop a stream table, even if a source of it is gone."""
    yield Run("savepoint dropping")
    try:
        yield Run(queries.drop(engine), {"name": table.name})
    except psycopg.Error:
        if not table.vanished_sources:
            raise
        # The engine stumbles over the trigger of a source that is gone; its event trigger cleans up.
        yield Run("rollback to savepoint dropping")
        yield Run(queries.drop_table(*table.name.split(".", 1)))
    yield from clear_leftovers(engine)


def trim(engine: Engine, names: Sequence[str] | None) -> Program[dict[str, int]]:
    """Delete from the change buffers what every stream table on a source has read."""
    deleted: dict[str, int] = {}
    if engine.keeps_positions:
        return deleted  # what lies there is the engine's own business
    for row in (yield Run(captures.buffers(engine), {"names": names})).rows:
        if row["lsn"] is not None:
            reply = yield Run(captures.trim_buffer(engine, row["buffer"]), {"lsn": row["lsn"]})
            deleted[f"{engine.changes_schema}.{row['buffer']}"] = int(reply.rows[0]["deleted"])
    return deleted
