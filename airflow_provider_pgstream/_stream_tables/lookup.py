"""Which stream tables there are, what the catalog has of them, and in which order they read each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter

from airflow_provider_pgstream._engines import queries
from airflow_provider_pgstream._engines.engine import SEARCH_PATH, Engine
from airflow_provider_pgstream._engines.names import check_names
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.models import StreamTable


def resolve(stream_table: str | Iterable[str]) -> Program[list[str]]:
    """
    Return qualified names, in the order given; a bare one means the session's ``current_schema()``.

    :raises InvalidStreamTable: before any SQL, if the engine cannot hold a name.
    """
    names = check_names(stream_table)
    if all("." in name for name in names):
        return names
    reply = yield Run(queries.CURRENT_SCHEMA)
    schema = reply.rows[0]["schema"] or SEARCH_PATH
    return check_names(name if "." in name else f"{schema}.{name}" for name in names)


def fetch(engine: Engine, names: Sequence[str] | None = None) -> Program[dict[str, StreamTable]]:
    """Return the stream tables of these names that exist (all for None), by name."""
    reply = yield Run(queries.stream_tables(engine), {"names": None if names is None else list(names)})
    return {table.name: table for table in map(StreamTable.from_row, reply.rows)}


def upstream_of(name: str, tables: Mapping[str, StreamTable]) -> set[str]:
    """Return every stream table that one reads, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        table = tables.get(waiting.pop())
        new = set(table.upstream) - found if table else set()
        found |= new
        waiting.extend(new)
    return found - {name}


def in_dependency_order(
    names: Sequence[str], tables: Mapping[str, StreamTable], *, include_upstream: bool = False
) -> list[str]:
    """
    Return the names so that each comes after those that it reads.

    :param names: ``schema.table`` each; unknown ones stand where nothing depends on them.
    :param tables: all stream tables of the database: a path may lead through ones that are not asked for.
    :param include_upstream: add the stream tables that these read.
    """
    wanted = dict.fromkeys(names)
    if include_upstream:
        for name in names:
            wanted.update(dict.fromkeys(sorted(upstream_of(name, tables))))
    graph = {name: upstream_of(name, tables) & wanted.keys() for name in wanted}
    return list(TopologicalSorter(graph).static_order())
