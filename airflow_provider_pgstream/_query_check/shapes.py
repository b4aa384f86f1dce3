"""What is behind a query: tables, through views and stream tables, their shapes and some of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from airflow_provider_pgstream._engines import scratch, shapes
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._query_check.names import Name, Query, Unreadable, quoted
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream.models import Row, StreamTable

SAMPLED_ROWS, SAMPLED_VALUES = 1000, 4

_SYSTEM = ("pg_catalog", "information_schema")
_UNTRIABLE = {"f": "a foreign table, whose changes are not captured", "m": "a materialized view"}


class Untriable(Exception):
    """A query that cannot be tried; the text says why."""


@dataclass(frozen=True)
class Column(Row):
    """
    A column of a table.

    :param base: the name of its type, of a domain the type below it, of an array that of its elements.
    :param kind: the catalog's letter for the kind of that type.
    :param expression: of its default, or of what it is generated as.
    :param is_key: whether it is part of something unique.
    :param sample: some of its values, as text.
    """

    name: str
    type: str
    base: str
    is_array: bool
    kind: str
    collation: str | None
    is_required: bool
    is_generated: bool
    generated: str
    expression: str | None
    labels: tuple[str, ...]
    is_key: bool
    has_equality: bool
    sample: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Its name as SQL writes it."""
        return quoted(self.name)


@dataclass(frozen=True)
class Relation:
    """What a query names: a table, a view or a stream table."""

    oid: int
    schema: str
    name: str
    is_readable: bool = True

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Table(Relation):
    """
    A table.

    :param constraints: their definitions.
    :param foreign: the oids and the names of the tables that foreign keys refer to, and their definitions.
    :param indexes: what is unique beside, by its definition.
    """

    columns: tuple[Column, ...] = ()
    constraints: tuple[str, ...] = ()
    foreign: tuple[tuple[int, str, str], ...] = ()
    indexes: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns that can be written to."""
        return tuple(column for column in self.columns if not column.is_generated)


@dataclass(frozen=True, kw_only=True)
class Derived(Relation):
    """
    A view or a stream table.

    :param query: its query.
    :param stream_table: as the catalog has it; None for a view.
    """

    query: Query
    stream_table: StreamTable | None = None


@dataclass
class Behind:
    """
    All that is behind a query.

    :param names: what each name in any of the queries stands for.
    :param tables: the tables.
    :param derived: views and stream tables, each after those that it reads.
    """

    names: dict[Name, Relation] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)

    @property
    def schemas(self) -> list[str]:
        """The schemas of all that."""
        relations: Sequence[Relation] = [*self.tables, *self.derived]
        return list(dict.fromkeys(relation.schema for relation in relations))

    def joined(self, query: Query) -> set[frozenset[str]]:
        """Return the names of columns that a query joins by, through all of that."""
        return set().union(*(one.joined() for one in (query, *(derived.query for derived in self.derived))))

    def used(self, query: Query) -> set[str] | None:
        """Return the names of the columns that a query has to do with, through all of that; None for all."""
        named = [one.columns() for one in (query, *(derived.query for derived in self.derived))]
        known = [names for names in named if names is not None]
        return set().union(*known) if len(known) == len(named) else None


def behind(query: Query, engine: Engine, *, sampled: bool) -> Program[Behind]:
    """
    Find what is behind a query.

    :param sampled: whether values of the tables are looked at.
    :raises Untriable: if something of it cannot be copied.
    """
    found = Behind()
    streams = {table.storage_oid: table for table in (yield from fetch(engine)).values()}
    tables: dict[int, Relation] = {}
    yield from _walk(query, found, tables, streams)
    if not tables:
        raise Untriable("it reads no table")
    shaped = yield from _shaped(tables)
    for table in shaped:
        found.tables.append((yield from _sampled(table)) if sampled else table)
    return found


def _walk(
    query: Query, found: Behind, tables: dict[int, Relation], streams: Mapping[int, StreamTable]
) -> Program[None]:
    names = [name for name in query.names() if name not in found.names]
    rows = (yield Run(shapes.RELATIONS, {"names": [str(name) for name in names]})).rows
    for row in rows:
        name = names[row["place"] - 1]
        relation = Relation(row["oid"], row["schema"], row["name"], row["is_readable"])
        if relation.schema in _SYSTEM:
            continue
        if row["kind"] in _UNTRIABLE:
            raise Untriable(f"it reads {relation}, {_UNTRIABLE[row['kind']]}")
        found.names[name] = relation
        stream = streams.get(relation.oid)
        text = stream.query if stream else row["definition"]
        if text is None:
            tables[relation.oid] = relation
        elif relation.oid not in [derived.oid for derived in found.derived]:
            yield from _derive(relation, text.strip().rstrip(";"), stream, found, tables, streams)


def _derive(
    relation: Relation,
    text: str,
    stream: StreamTable | None,
    found: Behind,
    tables: dict[int, Relation],
    streams: Mapping[int, StreamTable],
) -> Program[None]:
    try:
        query = Query(text)
    except Unreadable as error:
        raise Untriable(f"the query of {relation}, which it reads, cannot be read: {error}") from None
    yield from _walk(query, found, tables, streams)
    found.derived.append(
        Derived(
            relation.oid,
            relation.schema,
            relation.name,
            relation.is_readable,
            query=query,
            stream_table=stream,
        )
    )


def _shaped(tables: Mapping[int, Relation]) -> Program[list[Table]]:
    values = {"oids": list(tables)}
    columns = (yield Run(shapes.COLUMNS, values)).rows
    constraints = (yield Run(shapes.CONSTRAINTS, values)).rows
    indexes = (yield Run(shapes.UNIQUE_INDEXES, values)).rows

    def of(rows: Sequence[Mapping[str, Any]], oid: int) -> list[Mapping[str, Any]]:
        return [row for row in rows if row["oid"] == oid]

    return [
        Table(
            oid,
            relation.schema,
            relation.name,
            relation.is_readable,
            columns=tuple(_column(row) for row in of(columns, oid)),
            constraints=tuple(row["definition"] for row in of(constraints, oid) if row["kind"] != "f"),
            foreign=tuple(
                (row["refers_to"], row["refers_to_name"], row["definition"])
                for row in of(constraints, oid)
                if row["kind"] == "f"
            ),
            indexes=tuple(row["definition"] for row in of(indexes, oid)),
        )
        for oid, relation in tables.items()
    ]


def _column(row: Mapping[str, Any]) -> Column:
    return Column.from_row({**row, "labels": tuple(row["labels"] or ()), "sample": ()})


def _sampled(table: Table) -> Program[Table]:
    """Return a table with some values of its columns; without, where this role may not read them."""
    if not table.is_readable:
        return table
    columns = table.written
    name = f"{quoted(table.schema)}.{quoted(table.name)}"
    statement = scratch.sample(name, [column.sql for column in columns], SAMPLED_ROWS, SAMPLED_VALUES)
    try:
        samples = (yield Run(statement)).rows[0]["found"]
    except psycopg.errors.InsufficientPrivilege:  # row-level security that raises, say
        return table
    of_column = {column.name: tuple(sample) for column, sample in zip(columns, samples, strict=True)}
    return replace(
        table,
        columns=tuple(replace(column, sample=of_column.get(column.name, ())) for column in table.columns),
    )
