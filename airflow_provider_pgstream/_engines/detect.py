"""Which engine a database has, found by looking at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.engine import EMULATOR_SUFFIX, Engine, Found
from airflow_provider_pgstream._engines.known import engines, pg_stream
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.exceptions import EngineNotInstalled, EngineNotSupported, InvalidStreamTable

DEFAULT = pg_stream.ENGINE
"""The engine that messages speak of where none was found."""

EXTENSIONS = """
select e.extname as extension, e.extversion as version,
       (select pg_catalog.jsonb_object_agg(p.proname, p.proargnames)
          from pg_catalog.pg_proc p
         where p.pronamespace = n.oid and p.proname = any (%(functions)s::text[])) as arguments,
       (select pg_catalog.array_agg(a.attname::text)
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_class c on c.oid = a.attrelid
         where c.relnamespace = n.oid and c.relname = k.catalog and a.attnum > 0) as columns,
       (select pg_catalog.array_agg(c.relname::text)
          from pg_catalog.pg_class c
         where c.relnamespace = n.oid and c.relkind in ('r', 'v')) as relations
  from rows from (pg_catalog.unnest(%(extensions)s::text[]), pg_catalog.unnest(%(schemas)s::text[]),
                  pg_catalog.unnest(%(catalogs)s::text[])) k (extension, schema, catalog)
  join pg_catalog.pg_extension e on e.extname = k.extension
  left join pg_catalog.pg_namespace n on n.nspname = k.schema
"""
"""Which engines there are, and what they offer; everybody may read all of it."""

FUNCTIONS = (
    "create_stream_table",
    "alter_stream_table",
    "pause_stream_table",
    "resume_stream_table",
    "repair_stream_table",
    "reinitialize_stream_table",
    "gate_source",
    "ungate_source",
    "advance_watermark",
    "health_check",
    "watermark_status",
)
"""The functions that some versions of some engines have, and whose presence or arguments decide something."""


@dataclass(frozen=True)
class Installation:
    """
    An engine in one database: what every program needs to know of where it runs.

    :param engine: the engine.
    :param place: the database, for messages.
    """

    engine: Engine
    place: Place


def detect(place: Place, announce: Callable[[str], None] | None = None) -> Program[Installation]:
    """
    Return the engine of this database.

    :param announce: is told if it is the emulator, so that nobody takes it for the extension.
    :raises EngineNotInstalled: if it has none, or not the one that the connection names.
    :raises EngineNotSupported: if it has several, and the connection names none.
    :raises InvalidStreamTable: if the connection names one that there is not.
    """
    wanted = _wanted(place)
    values = {
        "extensions": list(engines()),
        "schemas": [engine.schema for engine in engines().values()],
        "catalogs": [engine.catalog.split(".", 1)[1] for engine in engines().values()],
        "functions": list(FUNCTIONS),
    }
    rows = {str(row["extension"]): row for row in (yield Run(EXTENSIONS, values)).rows}
    usable = sorted(rows) if wanted is None else [wanted] if wanted in rows else []
    if not usable:
        raise not_installed(place, DEFAULT if wanted is None else engines()[wanted], sorted(rows))
    if len(usable) > 1:
        raise EngineNotSupported(
            f"{place} has {' and '.join(usable)}: say which of them keeps the stream tables, with "
            f'{{"engine": "{usable[-1]}"}} in the extra of the connection'
        )
    row = rows[usable[0]]
    if announce and str(row["version"]).endswith(EMULATOR_SUFFIX):
        what = f"{row['extension']} ({row['version']}) in {place}"
        announce(f"This is the EMULATOR of {what}: for trying and testing only")
    return Installation(as_found(usable[0], _found(row)), place)


def _wanted(place: Place) -> str | None:
    if place.engine is not None and place.engine not in engines():
        raise InvalidStreamTable(
            f"the extra of connection '{place.conn_id}' says engine={place.engine!r}, which is not known: "
            f"give one of {', '.join(engines())}"
        )
    return place.engine


def _found(row: Mapping[str, Any]) -> Found:
    return Found(
        arguments=frozenset(
            (name, frozenset(arguments or ())) for name, arguments in (row["arguments"] or {}).items()
        ),
        columns=frozenset(row["columns"] or ()),
        relations=frozenset(row["relations"] or ()),
    )


@cache
def as_found(extension: str, found: Found) -> Engine:
    """Return an engine with what it offers in a database; the same one for the same, for queries are kept."""
    return replace(engines()[extension], found=found)


def unknown(place: Place) -> Installation:
    """Return what messages about a database say before its engine is known."""
    return Installation(DEFAULT, place)


def is_chatter(message: str) -> bool:
    """Tell whether a message of any engine is meant for its own developers, and of no use in a task's log."""
    return any(words in message for engine in engines().values() for words in engine.chatter)


def not_installed(place: Place, engine: Engine = DEFAULT, others: Sequence[str] = ()) -> EngineNotInstalled:
    """
    Return the error for a database without the extension.

    :param others: the engines that it has instead.
    """
    instead = f", but {' and '.join(others)}, and the extra of the connection names it" if others else ""
    return EngineNotInstalled(
        f"{engine.extension} is not installed in {place}{instead}: run CREATE EXTENSION {engine.extension} "
        "there, or set postgres_conn_id"
    )
