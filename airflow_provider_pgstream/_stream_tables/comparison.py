"""
The SQL that compares a stream table with its query, duplicates, NULLs and floats included.

One rule for all types: floats are equal within a relative tolerance; a type that has no order, as json or an
array of it, is compared as text; all others by their own equality.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.models import Row, StreamTable


def columns(engine: Engine) -> str:
    """Return the table's own columns: whether floats, and whether what they are made of has an order."""
    return f"""
with recursive resolved as (
  select a.attnum, a.attname, a.atttypid as typid
    from pg_catalog.pg_attribute a
   where a.attrelid = %(oid)s::oid and a.attnum > 0 and not a.attisdropped
     and not pg_catalog.starts_with(a.attname, '{engine.internal_prefix}')
   union all
  select r.attnum, r.attname, case t.typtype when 'd' then t.typbasetype else t.typelem end
    from resolved r join pg_catalog.pg_type t on t.oid = r.typid
   where t.typtype = 'd' or (t.typcategory = 'A' and t.typelem <> 0))
select r.attname as name,
       t.typname in ('float4', 'float8')
         and not exists (select from resolved o join pg_catalog.pg_type ot on ot.oid = o.typid
                          where o.attnum = r.attnum and ot.typcategory = 'A') as is_float,
       t.typtype in ('e', 'r', 'm') or exists (
         select from pg_catalog.pg_opclass o join pg_catalog.pg_am m on m.oid = o.opcmethod
          where m.amname = 'btree' and o.opcdefault
            and (o.opcintype = t.oid
                 or exists (select from pg_catalog.pg_cast c
                             where c.castsource = t.oid and c.casttarget = o.opcintype
                               and c.castmethod = 'b' and c.castcontext = 'i'))) as is_comparable
  from resolved r join pg_catalog.pg_type t on t.oid = r.typid
 where not (t.typtype = 'd' or (t.typcategory = 'A' and t.typelem <> 0))
 order by r.attnum
"""


_VOLATILE_FUNCTIONS = """
select proname::text as name from pg_catalog.pg_proc
 where proname = any (%(names)s::text[])
 group by proname
having pg_catalog.bool_and(provolatile <> 'i')
 order by proname
"""
"""Functions of these names that are volatile or stable, whichever arguments they take."""

_STRINGS_AND_COMMENTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_KEYWORDS = {
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
}


def warnings(table: StreamTable) -> Program[list[str]]:
    """Say what makes a comparison less than certain: whatever in the query changes by itself."""
    names = sorted(_words(table.query) | set(table.functions_used))
    found = [row["name"] for row in (yield Run(_VOLATILE_FUNCTIONS, {"names": names})).rows]
    found += sorted(_volatile_keywords(table.query))
    if not found:
        return []
    return [
        f"the query of stream table {table.name} uses {', '.join(found)}, whose value changes by itself: "
        "a difference may be due to that"
    ]


def _words(query: str) -> set[str]:
    """Return the names in a query that are called like functions."""
    text = _STRINGS_AND_COMMENTS.sub(" ", query).lower()
    return set(re.findall(r"([a-z_][a-z0-9_$]*)\s*\(", text))


def _volatile_keywords(query: str) -> set[str]:
    """Return the keywords in a query that stand for the time or the user."""
    text = _STRINGS_AND_COMMENTS.sub(" ", query).lower()
    return _KEYWORDS & set(re.findall(r"[a-z_]+", text))


@dataclass(frozen=True)
class Column(Row):
    """
    A column of a stream table.

    :param is_float: whether it is compared with a tolerance.
    :param is_comparable: whether its type has an order; if not, as json, it is compared as text.
    """

    name: str
    is_float: bool
    is_comparable: bool


@dataclass(frozen=True)
class Comparison:
    """The comparison of one stream table with its query."""

    table: StreamTable
    columns: tuple[Column, ...]

    def statement(self) -> sql.Composed:
        """Return the statement; it takes ``limit`` and ``tolerance`` and returns one row."""
        return sql.SQL(
            """
with compared as (
  select {values}, 1 as side from only {table} as held
   union all
  select {values}, -1 as side from ({query}
) as held ({columns})),
differing as materialized (
  select {ids}, pg_catalog.sum(side) as surplus
    from compared group by {ids} having pg_catalog.sum(side) <> 0),
{unmatched}
select coalesce((select pg_catalog.sum(times) from unmatched where side > 0), 0)::bigint as surplus,
       coalesce((select pg_catalog.sum(times) from unmatched where side < 0), 0)::bigint as missing,
       array(select {example} from unmatched u where side > 0 limit %(limit)s) as surplus_examples,
       array(select {example} from unmatched u where side < 0 limit %(limit)s) as missing_examples
"""
        ).format(
            values=self._join(_value(column, number) for number, column in enumerate(self.columns)),
            table=_quoted(*self.table.name.split(".", 1)),
            query=sql.SQL(self.table.query.replace("%", "%%")),
            columns=self._join(_quoted(column.name) for column in self.columns),
            ids=self._join(map(_id, range(len(self.columns)))),
            unmatched=self._with_tolerance() if self._floats else self._exactly(),
            example=self._example(),
        )

    @property
    def _floats(self) -> list[sql.Identifier]:
        return [_id(number) for number, column in enumerate(self.columns) if column.is_float]

    @property
    def _others(self) -> list[sql.Identifier]:
        return [_id(number) for number, column in enumerate(self.columns) if not column.is_float]

    def _exactly(self) -> sql.Composable:
        return sql.SQL(
            "unmatched as (select d.*, pg_catalog.sign(surplus) as side, pg_catalog.abs(surplus) as times"
            " from differing d)"
        )

    def _with_tolerance(self) -> sql.Composable:
        """Pair rows whose other columns are equal, in the order of their floats: close pairs are equal."""
        group = self._join(self._others) if self._others else sql.SQL("true")
        return sql.SQL(
            """
single as (
  select d.*, pg_catalog.sign(surplus) as side, pg_catalog.dense_rank() over (order by {group}) as twins
    from differing d, pg_catalog.generate_series(1, pg_catalog.abs(surplus)::int)),
numbered as (
  select s.*, pg_catalog.row_number() over (partition by twins, side order by {floats}) as place
    from single s),
unmatched as (
  select n.*, 1 as times
    from numbered n left join numbered o on o.twins = n.twins and o.place = n.place and o.side = -n.side
   where o.twins is null or not ({close}))
"""
        ).format(
            group=group,
            floats=self._join(self._floats),
            close=sql.SQL(" and ").join(_close(column) for column in self._floats),
        )

    def _example(self) -> sql.Composable:
        pairs = self._join(
            sql.SQL("u.{} as {}").format(_id(number), _quoted(column.name))
            for number, column in enumerate(self.columns)
        )
        return sql.SQL(
            "pg_catalog.left((select pg_catalog.row_to_json(__example)::text"
            " from (select {}) __example), 1000)"
        ).format(pairs)

    @staticmethod
    def _join(parts: Iterable[sql.Composable]) -> sql.Composed:
        return sql.SQL(", ").join(parts)


def _quoted(*names: str) -> sql.Identifier:
    """Quote a name in a statement that takes parameters, where a percent sign must be doubled."""
    return sql.Identifier(*(name.replace("%", "%%") for name in names))


def _id(number: int) -> sql.Identifier:
    return sql.Identifier(f"c{number}")


def _value(column: Column, number: int) -> sql.Composed:
    cast = sql.SQL("") if column.is_comparable else sql.SQL("::text")
    return sql.SQL("held.{}{} as {}").format(_quoted(column.name), cast, _id(number))


def _close(column: sql.Identifier) -> sql.Composed:
    """Equal, or finite and within the tolerance; as numeric, which neither over- nor underflows."""
    return sql.SQL(
        "(n.{c} is not distinct from o.{c} or coalesce("
        " pg_catalog.abs(n.{c}) < 'infinity' and pg_catalog.abs(o.{c}) < 'infinity'"
        " and pg_catalog.abs(n.{c}::text::numeric - o.{c}::text::numeric) <= %(tolerance)s::numeric"
        " * greatest(pg_catalog.abs(n.{c}::text::numeric), pg_catalog.abs(o.{c}::text::numeric)), false))"
    ).format(c=column)
