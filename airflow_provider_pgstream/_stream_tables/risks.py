"""What lets changes by without a trace, which no refresh can make up for: found, and said with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pgstream._engines import captures, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.models import StreamTable


@dataclass(frozen=True)
class Risk:
    """
    One way in which rows can become wrong.

    :param sentence: what it is, and what to do.
    :param stream_tables: those whose rows it concerns.
    :param loses_changes: whether changes are lost as things stand, and not only if something else happens.
    """

    sentence: str
    stream_tables: tuple[str, ...]
    loses_changes: bool = False


def fetch_risks(tables: Mapping[str, StreamTable], engine: Engine) -> Program[tuple[Risk, ...]]:
    """
    Return the risks of DIFFERENTIAL stream tables, and of those in FULL mode to everybody else.

    :param tables: all stream tables of the database.
    """
    rows = (yield Run(captures.capture_risks(engine))).rows
    found = [risk for row in rows for risk in _of_source(row, engine)]
    return (
        *found,
        *_scheduled_neighbours(tables.values(), engine),
        *(yield from _scheduled_in_full(tables.values(), engine)),
    )


def _of_source(row: Mapping[str, Any], engine: Engine) -> Iterator[Risk]:
    name, readers = row["name"], tuple(row["readers"])
    listed = ", ".join(readers)
    again = f"then refresh {listed} with full=True"
    always = f"alter table {name} enable always trigger, for each trigger named {engine.extension}_cdc_…"
    if row["decoded"] and engine.loses_in_wal:
        yield Risk(
            f"changes of {name} are captured from the WAL ({row['decoded']}), and a refresh loses what is "
            f"not decoded yet: run select {engine.schema}.alter_stream_table(…, cdc_mode => 'trigger') for "
            f"{listed}; {again}",
            readers,
            loses_changes=True,
        )
    if row["is_unlogged"]:
        yield Risk(
            f"the change buffer of {name} is an unlogged table, which a crash of the server empties: set "
            f"{engine.extension}.unlogged_buffers = off, and recreate {listed}",
            readers,
        )
    if row["subscriptions"]:
        yield Risk(
            f"changes of {name} that subscription {', '.join(row['subscriptions'])} applies are not "
            f"captured, because its change triggers do not fire under replication: {always}, of its "
            f"partitions too; {again}",
            readers,
            loses_changes=True,
        )
    if row["silent_roles"]:
        yield Risk(
            f"changes of {name} that {', '.join(row['silent_roles'])} makes are not captured, because "
            f"session_replication_role is set to replica: {always}, or reset that setting; {again}",
            readers,
        )
    if row["children"] and not row["is_partitioned"]:
        yield Risk(
            f"changes of {', '.join(row['children'])}, inheritance children of {name}, are not captured: "
            f"refresh {listed} from Airflow or dbt only, which recompute, or recreate them with "
            "refresh_mode='FULL'",
            readers,
        )
    if row["blind"]:
        yield Risk(
            f"changes that are written to {', '.join(row['blind'])} directly, partitions of {name}, are not "
            f"captured: write to {name}, or {again}",
            readers,
        )
    if row["is_partitioned"]:
        yield Risk(
            f"{name} is partitioned, and ATTACH, DETACH and TRUNCATE of one of its partitions are not "
            f"captured: after one, refresh {listed} with full=True",
            readers,
        )
    if row["writers"]:
        yield Risk(
            f"trigger {', '.join(row['writers'])} of {name} writes rows of {name} itself before its changes "
            "are captured, which then come in the wrong order: rename it, so that its name sorts behind "
            f"{engine.extension}_cdc_…; {again}",
            readers,
        )
    if row["ahead"]:
        ahead = ", ".join(row["ahead"])
        yield Risk(
            f"stream table {ahead} was refreshed on another server, from which this database was copied: "
            f"the changes of {name} since then are not seen; refresh {ahead} with full=True",
            tuple(row["ahead"]),
        )


def _scheduled_neighbours(tables: Iterable[StreamTable], engine: Engine) -> Iterator[Risk]:
    if not engine.deletes_unread:
        return
    differential = [table for table in tables if table.refresh_mode == words.DIFFERENTIAL]
    scheduled = [table for table in differential if table.schedule and table.unattended_because is None]
    for table in differential:
        if table.schedule is not None:
            continue
        for neighbour in scheduled:
            if shared := sorted(_sources(table) & _sources(neighbour)):
                yield Risk(
                    f"stream table {table.name}, which has no schedule and is refreshed from outside, shares "
                    f"{', '.join(shared)} with {neighbour.name}, which the engine's scheduler refreshes: it "
                    f"deletes changes that {table.name} has yet to read. Recreate {neighbour.name} with "
                    "schedule=None and refresh it from outside, too; or switch the scheduler off "
                    f"({engine.extension}.enabled = off, then restart the server), and keep the schedules "
                    "with PgStreamRefreshOperator(when='due')",
                    (table.name,),
                )


def _scheduled_in_full(tables: Iterable[StreamTable], engine: Engine) -> Program[tuple[Risk, ...]]:
    if engine.keeps_positions or not (yield from _waits_in_full(engine)):
        return ()
    return tuple(
        Risk(
            f"stream table {table.name} is in FULL mode and its scheduler refreshes it: beside an open "
            f"writer of {', '.join(sources)} that refresh waits, and with it every other refresh in this "
            f"database, readers of {table.name} and new writers, until that writer ends. Recreate it with "
            "schedule=None and refresh it from outside, or let a superuser set "
            f"{engine.extension}.cleanup_use_truncate = off",
            (table.name,),
        )
        for table in tables
        if table.refresh_mode == words.FULL
        and table.unattended_because is None
        and (sources := sorted(_sources(table)))
    )


def _waits_in_full(engine: Engine) -> Program[bool]:
    if engine.waits_in_full is None:
        return False
    return bool((yield Run(f"select {engine.waits_in_full} as waits")).rows[0]["waits"])


def _sources(table: StreamTable) -> set[str]:
    return {source.name for source in table.sources if source.kind == words.SOURCE_TABLE and source.name}
