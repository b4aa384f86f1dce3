"""The SQL of what is checked when a stream table is created, and of what an engine leaves behind."""

from __future__ import annotations

from functools import cache

from psycopg import sql

from airflow_provider_pgstream._engines.engine import Engine


@cache
def missing_grants(engine: Engine) -> str:
    """Return what this role may not do, of what a create needs in the engine's own schema."""
    return f"""
select n.nspname || '.' || c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = '{engine.schema}' and c.relkind = 'r'
   and n.nspname || '.' || c.relname in ('{engine.catalog}', '{engine.dependencies}', '{engine.tracking}')
   and not (pg_catalog.has_schema_privilege(n.oid, 'usage')
            and pg_catalog.has_table_privilege(c.oid, 'select')
            and pg_catalog.has_table_privilege(c.oid, 'insert')
            and pg_catalog.has_table_privilege(c.oid, 'update')
            and pg_catalog.has_table_privilege(c.oid, 'delete'))
 order by 1
"""


GENERATED_COLUMNS = """
with recursive read as (
  select 'pg_temp.view_of_query'::regclass::oid as view_oid, null::oid as oid, 0::int2 as attnum
   union
  select case when c.relkind = 'v' then c.oid end, c.oid, d.refobjsubid::int2
    from read
    join pg_catalog.pg_rewrite r on r.ev_class = read.view_oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
     and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> read.view_oid
    join pg_catalog.pg_class c on c.oid = d.refobjid)
select distinct n.nspname || '.' || c.relname || '.' || a.attname as name
  from read
  join pg_catalog.pg_attribute a on a.attrelid = read.oid and a.attnum = read.attnum and a.attgenerated <> ''
  join pg_catalog.pg_class c on c.oid = read.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by 1
"""
"""The generated columns that a query reads: change triggers do not see what they hold."""


PRIMARY_KEY = """
select a.attname::text as name
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
 where i.indisprimary and n.nspname = %(schema)s and c.relname = %(table)s
 order by a.attnum
"""


@cache
def leftovers(engine: Engine) -> str:
    """
    Return statements that drop what the engine has left behind, of what this role may drop.

    A change buffer is named after its source: the next one of that name would be given it, with the columns
    of the old one, and writes to it fail. What says that the old one is captured goes first: a scheduler that
    finds no buffer for it ends.
    """
    changes, schema = engine.changes_schema, engine.schema
    return f"""
select pg_catalog.format('delete from {engine.tracking} where source_relid = %%L', k.source_relid) as
  statement from {engine.tracking} k
 where not exists (select from pg_catalog.pg_class c where c.oid = k.source_relid)
   and pg_catalog.has_table_privilege('{engine.tracking}', 'delete')
 union all
select pg_catalog.format('drop table if exists %%I.%%I', n.nspname, b.relname)
  from pg_catalog.pg_class b join pg_catalog.pg_namespace n on n.oid = b.relnamespace
 where n.nspname = '{changes}' and b.relkind = 'r' and b.relname ~ '^changes_[0-9a-f]+$'
   and pg_catalog.pg_has_role(b.relowner, 'usage')
   and not exists (
         select from {engine.tracking} k join pg_catalog.pg_class c on c.oid = k.source_relid
          where 'changes_' || k.source_stable_name = b.relname)
 union all
select pg_catalog.format('drop function if exists %%I.%%I()', n.nspname, p.proname)
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where (p.proname ~ '^_{engine.prefix}_guard_' and n.nspname <> '{schema}' or n.nspname = '{changes}')
   and p.prorettype = 'pg_catalog.trigger'::regtype
   and pg_catalog.pg_has_role(p.proowner, 'usage')
   and not exists (select from pg_catalog.pg_trigger tg where tg.tgfoid = p.oid)
"""


def plan_of(query: str) -> sql.Composed:
    """Return the plan of a query, which names what it reads and what it returns."""
    return sql.SQL("explain (verbose, format json) {}").format(sql.SQL(query))


def view_of(query: str) -> sql.Composed:
    """Make a view of a query, to ask PostgreSQL about it; it is to be rolled back."""
    return sql.SQL("create temp view view_of_query as {}").format(sql.SQL(query))


_COLUMNS = (
    "select pg_catalog.array_agg(pg_catalog.format('%%I %%s', a.attname,"
    " pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attnum)"
    " from pg_catalog.pg_attribute a where a.attnum > 0 and not a.attisdropped and a.attrelid = "
)


def columns_differ(engine: Engine) -> str:
    """Tell whether the query of that view returns other columns than a stream table has."""
    new = f"{_COLUMNS}'pg_temp.view_of_query'::regclass"
    own = f"{_COLUMNS}%(oid)s::oid and not pg_catalog.starts_with(a.attname, '{engine.internal_prefix}')"
    return f"select ({new}) is distinct from ({own}) as differ"


def columns_of(engine: Engine) -> str:
    """Return a stream table's own columns, as a select list."""
    return (
        "select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum) as columns"
        " from pg_catalog.pg_attribute a where a.attrelid = %(oid)s::oid and a.attnum > 0"
        f" and not a.attisdropped and not pg_catalog.starts_with(a.attname, '{engine.internal_prefix}')"
    )
