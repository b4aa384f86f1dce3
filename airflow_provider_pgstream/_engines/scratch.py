"""The SQL of a scratch schema: made and dropped, its tables filled and read, whatever they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from airflow_provider_pgstream._engines.engine import CREATION_LOCK, Engine
from airflow_provider_pgstream._engines.words import IMMEDIATE

PREFIX = "pgstream_check_"
"""What the names of scratch schemas begin with; eight hexadecimal digits follow, and maybe a number."""

SUBJECT = "pgstream_tried"
"""The name of the stream table that is tried."""

LOCK = f"select pg_catalog.pg_try_advisory_lock({CREATION_LOCK[0]}, pg_catalog.hashtext(%(name)s)) as locked"
"""Shows that whoever made a scratch schema is still there: the session holds it."""

UNLOCK = f"select pg_catalog.pg_advisory_unlock({CREATION_LOCK[0]}, pg_catalog.hashtext(%(name)s))"

LEFT = f"""
select pg_catalog.left(nspname, {len(PREFIX) + 8}) as name, pg_catalog.array_agg(nspname::text) as schemas
  from pg_catalog.pg_namespace
 where nspname ~ '^{PREFIX}[0-9a-f]{{8}}(_[0-9]+)?$' and pg_catalog.pg_has_role(nspowner, 'usage')
 group by 1
"""
"""The scratch schemas that there are, of what this role may drop."""

MAY_CREATE = (
    "select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create') as may_create,"
    " pg_catalog.current_database()::text as database, current_user::text as role"
)

SKIPPED = "integrity_constraint_violation or data_exception or object_in_use"
"""The kinds of errors with which a table refuses a row: another one is tried."""

REFUSED_BY_QUERY = "PGSQY"
"""The code of an error of the query itself."""


_LEFT_OUT = "pgstream_check.left_out"


def create_schemas(names: Iterable[str]) -> sql.Composed:
    """Create schemas."""
    return sql.SQL("; ").join(sql.SQL("create schema {}").format(sql.Identifier(name)) for name in names)


def drop_schemas(names: Iterable[str]) -> sql.Composed:
    """Drop schemas with all that is in them."""
    return sql.SQL("drop schema if exists {} cascade").format(sql.SQL(", ").join(map(sql.Identifier, names)))


def column(
    name: str, kind: str, *, collation: str | None, is_required: bool, expression: str | None, generated: str
) -> str:
    """Return the definition of a column."""
    parts = [name, kind]
    if collation:
        parts.append(f"collate {collation}")
    if expression and generated:
        parts.append(f"generated always as ({expression}) {'stored' if generated == 's' else 'virtual'}")
    elif expression:
        parts.append(f"default {expression}")
    if is_required:
        parts.append("not null")
    return " ".join(parts)


def create_table(name: str, parts: Sequence[str]) -> str:
    """Create a table of columns and constraints."""
    return f"create table {name} ({', '.join(parts)})"


def create_index(name: str, definition: str) -> str:
    """Create a unique index."""
    return f"create unique index on {name} using {definition}"


def add_constraint(name: str, definition: str) -> str:
    """Add a constraint to a table."""
    return f"alter table {name} add {definition}"


def create_view(name: str, query: str) -> str:
    """Create a view."""
    return f"create view {name} as {query}"


def empty(names: Iterable[str]) -> str:
    """Empty tables."""
    return f"truncate {', '.join(names)} cascade"


def sample(table: str, columns: Sequence[str], rows: int, values: int) -> str:
    """Return some of the values that columns hold, an array for each, as text."""
    each = (
        f"array(select distinct s.{name}::text from held s where s.{name} is not null order by 1"
        f" limit {values})"
        for name in columns
    )
    found = ", ".join(map(_json, each))
    return f"with held as (select * from {table} limit {rows}) select array[{found}] as found"


def _json(array: str) -> str:
    return f"pg_catalog.to_jsonb({array})"


def rows_of(tables: Iterable[tuple[int, str, Sequence[str]]]) -> str:
    """Return the rows of tables, each with the table's number and what SQL writes for its values."""
    return " union all ".join(
        f"select {number} as number, array[{', '.join(map(_written, columns))}]::text[] as row from {name}"
        for number, name, columns in tables
    )


def _written(name: str) -> str:
    return f"pg_catalog.quote_nullable({name}::text)"


def insert(table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Insert rows, their values written as SQL."""
    written = ", ".join(f"({', '.join(row)})" for row in rows)
    return f"insert into {table} ({', '.join(columns)}) values {written}"


def update(table: str, values: Iterable[tuple[str, str]], where: str) -> str:
    """Update rows."""
    return f"update {table} set {', '.join(f'{name} = {value}' for name, value in values)} where {where}"


def delete(table: str, where: str) -> str:
    """Delete rows."""
    return f"delete from {table} where {where}"


def is_value(column: str, value: str, *, has_equality: bool) -> str:
    """Tell whether a column holds a value, written as SQL."""
    if value == "NULL":
        return f"{column} is null"
    return f"{column} = {value}" if has_equality else f"{column}::text = {value}"


def transaction(changes: Sequence[str], query: str) -> sql.Composed:
    """
    Make changes in one transaction, without those that a table refuses; return the numbers of these.

    The query is run behind them, and has to be able to take the rows: else nothing is changed.
    """
    forget = f"perform pg_catalog.set_config('{_LEFT_OUT}', '', false);"
    steps = "".join(_step(number, change) for number, change in enumerate(changes))
    demand = (
        f" begin perform pg_catalog.count(q::text) from ({query}\n) q; exception when others then"
        f" raise exception using errcode = '{REFUSED_BY_QUERY}', message = sqlerrm; end;"
    )
    return sql.SQL("do {}; {}").format(
        sql.Literal(f"begin {forget}{steps}{demand} end"),
        sql.SQL(
            "select pg_catalog.string_to_array("
            f"pg_catalog.btrim(pg_catalog.current_setting('{_LEFT_OUT}')), ' ')::int[] as left_out"
        ),
    )


def _step(number: int, change: str) -> str:
    note = (
        f"perform pg_catalog.set_config('{_LEFT_OUT}',"
        f" pg_catalog.current_setting('{_LEFT_OUT}') || ' {number}', false)"
    )
    return f" begin {change}; exception when {SKIPPED} then {note}; end;"


def never_in_full(engine: Engine, pgs_ids: Iterable[int]) -> str:
    """Keep stream tables from being recomputed because many of few rows changed: in use there are more."""
    those = f"{engine.id} in ({', '.join(map(str, pgs_ids))})"
    return (
        f"update {engine.catalog} set auto_threshold = 0 where {those};"
        f" delete from {engine.history} where {those}"
    )


def literal(value: str | None) -> str:
    """Write a value as SQL."""
    return "NULL" if value is None else sql.Literal(value).as_string(None).removeprefix(" ")


def fresh(schemas: Iterable[str]) -> list[str]:
    """Return statements that make schemas anew, for a person."""
    return [
        statement
        for name in schemas
        for statement in (f"drop schema if exists {name} cascade", f"create schema {name}")
    ]


def create_by_hand(engine: Engine, name: str, query: str, refresh_mode: str) -> list[str]:
    """Create and populate a stream table that nothing refreshes by itself, for a person."""
    schedule = f"'{engine.driven}'" if engine.driven else "null"
    statements = [
        f"select {engine.schema}.create_stream_table('{name}', {_dollars(query)}, schedule => {schedule},"
        f" refresh_mode => '{refresh_mode}')"
    ]
    if refresh_mode != IMMEDIATE:
        statements += [
            f"select {engine.schema}.alter_stream_table('{name}', {setting} => '{value}')"
            for setting, value in engine.unattended_settings.items()
        ]
    return statements


def refresh_by_hand(engine: Engine, name: str) -> str:
    """Refresh a stream table, for a person."""
    return f"select {engine.schema}.refresh_stream_table('{name}')"


def never_in_full_by_hand(engine: Engine, name: str) -> str:
    """Keep a stream table from being recomputed because its tables are small, for a person."""
    if "auto_threshold" not in engine.found.columns:
        return ""
    return (
        "-- as in a table so big that these are few changes\n"
        f"update {engine.catalog} st set auto_threshold = 0 where {engine.qualified_name} = '{name}'"
    )


def show_difference(name: str, columns: str, query: str) -> str:
    """Show the rows in which a stream table differs from its query."""
    held, wanted = (
        f"select held::text as one from (select {columns} from {name}) held",
        (f"select wanted::text as one from ({query}\n) wanted"),
    )
    return (
        f"select 'surplus' as what, one from (({held}) except all ({wanted})) surplus\n"
        f" union all select 'missing', one from (({wanted}) except all ({held})) missing"
    )


def drop_by_hand(engine: Engine, names: Iterable[str], schemas: Iterable[str]) -> list[str]:
    """Drop stream tables, and the schemas with the rest, for a person."""
    return [
        *(f"select {engine.schema}.drop_stream_table('{name}')" for name in names),
        f"drop schema {', '.join(schemas)} cascade",
    ]


def _dollars(text: str) -> str:
    mark = "$$"
    while mark in text:
        mark = f"$q{mark[1:]}"
    return f"{mark}{text}{mark}"
