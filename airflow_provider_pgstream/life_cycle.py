"""Programs that create, alter, drop and trim."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg

from airflow_provider_pgstream import engine, queries
from airflow_provider_pgstream.catalog import look
from airflow_provider_pgstream.exceptions import DependentObjectsExist, InvalidStreamTable, StreamTableExists
from airflow_provider_pgstream.models import RefreshResult, StreamTable
from airflow_provider_pgstream.program import Program, Run
from airflow_provider_pgstream.transaction import in_transaction
from airflow_provider_pgstream.translation import Place, not_found

IF_EXISTS = ("fail", "skip", "replace")


@dataclass(frozen=True)
class Wish:
    """What a stream table is to be; the fields are the arguments of ``PgStreamHook.create``."""

    query: str
    schedule: str | None = "1m"
    refresh_mode: str = engine.DIFFERENTIAL
    initialize: bool = True
    status: str | None = None
    if_exists: str = "fail"
    lock_timeout: float = 10.0

    def __post_init__(self) -> None:
        if self.if_exists not in IF_EXISTS:
            raise InvalidStreamTable(f"if_exists={self.if_exists!r}: give one of {', '.join(IF_EXISTS)}")
        object.__setattr__(self, "query", normalize(self.query))
        object.__setattr__(self, "refresh_mode", _mode(self.refresh_mode))
        object.__setattr__(self, "status", _status(self.status))


def normalize(query: str) -> str:
    """
    Return a query as the engine can take it: within parentheses.

    :raises InvalidStreamTable: if there is none.
    """
    text = query.strip() if isinstance(query, str) else ""
    while text.endswith(";"):
        text = text[:-1].rstrip()
    if not text:
        raise InvalidStreamTable("the query is empty: give one SELECT, or the name of a .sql file")
    if "\x00" in text:
        raise InvalidStreamTable("the query holds a NUL character, which PostgreSQL cannot store")
    return text + "\n" if "--" in text.splitlines()[-1] else text


def _mode(word: str | None) -> str:
    mode = str(word).strip().upper()
    if mode not in engine.REFRESH_MODES:
        raise InvalidStreamTable(
            f"refresh_mode={word!r} is not known: give one of {', '.join(engine.REFRESH_MODES)}"
        )
    return mode


def _status(word: str | None) -> str | None:
    try:
        return None if word is None else engine.status_word(word)
    except ValueError as error:
        raise InvalidStreamTable(str(error)) from None


def create(name: str, wish: Wish, place: Place) -> Program[RefreshResult]:
    """Create a stream table, or do with an existing one what the wish says."""
    started = time.monotonic()
    result = yield from in_transaction(_create(name, wish), name=name, place=place, creating=True)
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _create(name: str, wish: Wish) -> Program[RefreshResult]:
    yield Run(queries.LOCK_CREATION)
    yield Run(queries.set_lock_timeout(wish.lock_timeout))
    table = (yield from look([name])).get(name)
    if table is None:
        outcome = "created"
    elif wish.if_exists == "fail":
        raise StreamTableExists(
            f"stream table {name} exists already: set if_exists to 'skip' or 'replace', or drop it first"
        )
    elif wish.if_exists == "skip":
        return RefreshResult("skipped", data_timestamp=table.data_timestamp, reason="it exists already")
    elif not _must_be_rebuilt(table, wish):
        return (yield from _alter_to(table, wish))
    else:
        yield from _refuse_dependents(name)
        yield from _drop(table)
        outcome = "replaced"
    yield from _create_anew(name, wish)
    after = (yield from look([name]))[name]
    action = engine.FULL if after.is_populated else None
    because = after.unattended_because
    reason = f"nothing refreshes it by itself: {because}" if because else None
    return RefreshResult(outcome, action=action, data_timestamp=after.data_timestamp, reason=reason)


def _create_anew(name: str, wish: Wish) -> Program[None]:
    values = {
        "name": name,
        "query": wish.query,
        "schedule": wish.schedule,
        "refresh_mode": wish.refresh_mode,
        "initialize": wish.initialize,
    }
    yield Run(queries.CREATE, values)
    if wish.status is not None:
        yield _alter_call(name, None, None, wish.status)


def _must_be_rebuilt(table: StreamTable, wish: Wish) -> bool:
    """Whether an alter cannot do it: another query, a schedule to take away, or a table past mending."""
    return (
        table.query.strip() != wish.query.strip()
        or (wish.schedule is None and table.schedule is not None)
        or _becomes_differential(table, wish.refresh_mode)
        or table.status == engine.ERROR
        or bool(table.vanished_sources)
        or table.detached
    )


def _becomes_differential(table: StreamTable, refresh_mode: str | None) -> bool:
    """Whether a table of FULL mode is to leave it: its storage lacks what a DIFFERENTIAL aggregate needs."""
    return table.refresh_mode == engine.FULL and refresh_mode == engine.DIFFERENTIAL


def _alter_to(table: StreamTable, wish: Wish) -> Program[RefreshResult]:
    schedule = wish.schedule if wish.schedule != table.schedule else None
    mode = wish.refresh_mode if wish.refresh_mode != table.refresh_mode else None
    status = wish.status if wish.status != table.status else None
    if schedule is mode is status is None:
        return RefreshResult("unchanged", data_timestamp=table.data_timestamp)
    yield _alter_call(table.name, schedule, mode, status)
    return RefreshResult("altered", data_timestamp=table.data_timestamp)


def alter(
    name: str, schedule: str | None, refresh_mode: str | None, status: str | None, place: Place
) -> Program[RefreshResult]:
    """Change what is given; what is None, or as it is already, is left alone."""
    started = time.monotonic()
    mode = None if refresh_mode is None else _mode(refresh_mode)
    body = _alter(name, schedule, mode, _status(status))
    result = yield from in_transaction(body, name=name, place=place)
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _alter(
    name: str, schedule: str | None, refresh_mode: str | None, status: str | None
) -> Program[RefreshResult]:
    yield Run(queries.LOCK_CREATION)
    table = (yield from look([name])).get(name)
    if table is None:
        raise not_found(name)
    if _becomes_differential(table, refresh_mode):
        raise InvalidStreamTable(
            f"stream table {name} is in FULL mode, and is not altered to DIFFERENTIAL because its storage "
            "may lack what it needs: create it again with refresh_mode='DIFFERENTIAL', if_exists='replace'"
        )
    same = (schedule, refresh_mode, status) == (
        schedule and table.schedule,
        refresh_mode and table.refresh_mode,
        status and table.status,
    )
    if same and not table.consecutive_errors:
        return RefreshResult("unchanged", data_timestamp=table.data_timestamp)
    yield _alter_call(name, schedule, refresh_mode, status)
    return RefreshResult("altered", data_timestamp=table.data_timestamp)


def _alter_call(name: str, schedule: str | None, refresh_mode: str | None, status: str | None) -> Run:
    values = {"name": name, "schedule": schedule, "refresh_mode": refresh_mode, "status": status}
    return Run(queries.ALTER, values)


def drop(name: str, if_exists: bool, cascade: bool, place: Place) -> Program[RefreshResult]:
    """Drop a stream table, and with ``cascade`` what reads it."""
    started = time.monotonic()
    result = yield from in_transaction(_drop_checked(name, if_exists, cascade), name=name, place=place)
    return replace(result, seconds=round(time.monotonic() - started, 3))


def _drop_checked(name: str, if_exists: bool, cascade: bool) -> Program[RefreshResult]:
    yield Run(queries.LOCK_CREATION)
    tables = yield from look()
    if name not in tables:
        if if_exists:
            return RefreshResult("skipped", reason="it does not exist")
        raise not_found(name)
    if not cascade:
        yield from _refuse_dependents(name)
    gone = []
    for row in (yield Run(queries.DEPENDENTS, {"name": name})).rows:
        gone.append(row["name"])
        if row["is_stream_table"]:
            yield from _drop(tables[row["name"]])
    yield from _drop(tables[name])
    return RefreshResult("dropped", reason=f"with it: {', '.join(gone)}" if gone else None)


def _refuse_dependents(name: str) -> Program[None]:
    dependents = (yield Run(queries.DEPENDENTS, {"name": name})).rows
    if dependents:
        names = ", ".join(
            f"{'stream table' if row['is_stream_table'] else 'view'} {row['name']}" for row in dependents
        )
        raise DependentObjectsExist(
            f"stream table {name} is read by {names}: drop those first, or drop it with cascade=True"
        )


def _drop(table: StreamTable) -> Program[None]:
    yield Run("savepoint dropping")
    try:
        yield Run(queries.DROP, {"name": table.name})
    except psycopg.Error:
        if not table.vanished_sources:
            raise
        # The engine stumbles over the trigger of a source that is gone; its event trigger cleans up.
        yield Run("rollback to savepoint dropping")
        yield Run(queries.drop_table(*table.name.split(".", 1)))


def trim(names: Sequence[str] | None) -> Program[dict[str, int]]:
    """Delete from the change buffers what every stream table on a source has read."""
    deleted = {}
    for row in (yield Run(queries.BUFFERS, {"names": names})).rows:
        if row["lsn"] is not None:
            reply = yield Run(queries.trim_buffer(row["buffer"]), {"lsn": row["lsn"]})
            deleted[f"{engine.CHANGES_SCHEMA}.{row['buffer']}"] = int(reply.rows[0]["deleted"])
    return deleted
