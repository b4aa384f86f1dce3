"""The SQL of a refresh at a boundary, built from an engine."""

from __future__ import annotations

from functools import cache

from psycopg import sql

from airflow_provider_pgstream._engines import statements, words
from airflow_provider_pgstream._engines.engine import Engine


def lock_refresh(engine: Engine) -> str:
    """Take the engine's own lock on a stream table for the session, unless another session has it."""
    return (
        "select pg_catalog.pg_try_advisory_lock(%(pgs_id)s) as locked,"
        f" ({statements.DEADLOCK_TIMEOUT}) as deadlock_timeout,"
        f" pg_catalog.has_table_privilege('{engine.catalog}', 'update') as may_set_frontier"
    )


@cache
def take_boundary(engine: Engine) -> str:
    """
    Take a snapshot and the WAL position that belongs to it, and let the writers go on.

    The message is flushed, so that no later change can carry that position.
    """
    return (
        f"select {engine.position}::text as position;"
        " select pg_catalog.pg_logical_emit_message(false, 'boundary', '', true);"
        " rollback to savepoint boundary; release savepoint boundary"
    )


def position(engine: Engine) -> str:
    """Take a snapshot and a WAL position; they belong together if no writer is let in before the commit."""
    return f"select {engine.position}::text as position"


def _age(xid: str) -> str:
    """Return SQL for how many transactions ago a row was written, two billion at most."""
    return f"coalesce(nullif(greatest(pg_catalog.age({xid}), -1), -1), 2147483647)"


def _columns(oid: str) -> str:
    """Return SQL for a text that changes with every ALTER of a column of a table, and with nothing else."""
    return (
        "select pg_catalog.md5(pg_catalog.string_agg(a.attnum || ' ' || a.xmin, ',' order by a.attnum))"
        f" from pg_catalog.pg_attribute a where a.attrelid = {oid} and a.attnum > 0"
    )


@cache
def hazards(engine: Engine) -> str:
    """
    Return, for each table that a stream table reads, what decides how it can be refreshed.

    ``position`` is the boundary's, or NULL.
    """
    return f"""
select n.nspname || '.' || c.relname as name,
       pg_catalog.row_security_active(c.oid) as has_row_security,
       c.relkind = 'r' and exists (
         select from pg_catalog.pg_inherits i where i.inhparent = c.oid) as has_children,
       coalesce(st.frontier #>> array['sources', s.source_relid::bigint::text, 'columns']
                <> ({_columns("c.oid")}), false) as is_altered,
       st.frontier #> array['sources', s.source_relid::bigint::text, 'columns'] is not null as is_noted,
       t.present and not t.disabled as is_captured, s.cdc_mode,
       (select b.relpersistence = 'u'
          from (select s.source_relid) d join pg_catalog.pg_class b on {engine.is_buffer}) as is_unlogged,
       coalesce((st.frontier #>> array['sources', s.source_relid::bigint::text, 'lsn'])::pg_lsn
                > %(position)s::pg_lsn, false) as is_ahead
  from {engine.catalog} st
  join {engine.dependencies} s using ({engine.id})
  join pg_catalog.pg_class c on c.oid = s.source_relid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join lateral ({engine.capture}) t on true
 where st.{engine.id} = %(pgs_id)s and s.source_type = '{words.SOURCE_TABLE}'
"""


@cache
def keep_changes(engine: Engine) -> str:
    """
    Give a stream table that has no frontier one, for as long as it is being populated.

    Without one it does not count as a reader of the change buffers, and others' clean-up takes what it has
    yet to read. It is marked as unfinished: nobody is to trust that frontier if the population fails.
    """
    return f"""
update {engine.catalog} st
   set {engine.unfinished},
       frontier = pg_catalog.jsonb_build_object('sources', (
         select coalesce(pg_catalog.jsonb_object_agg(
                  d.source_relid::bigint::text,
                  pg_catalog.jsonb_build_object('lsn', {engine.position}::text, 'snapshot_ts', '')), '{{}}')
           from {engine.dependencies} d
          where d.{engine.id} = st.{engine.id} and d.source_type = '{words.SOURCE_TABLE}'))
 where st.{engine.id} = %(pgs_id)s and st.frontier is null
"""


def forget_frontier(engine: Engine) -> str:
    """Let the next refresh be a full one, which leaves the mode as it is."""
    return f"update {engine.catalog} set frontier = null where {engine.id} = %(pgs_id)s"


@cache
def set_frontier(engine: Engine) -> str:
    """
    Store up to where a stream table has read its sources: the position of its snapshot, and their columns.

    Engines pay no attention to what they do not know there, and a refresh of their own drops it.
    """
    return f"""
update {engine.catalog} st
   set frontier = pg_catalog.jsonb_set(st.frontier, '{{sources}}', (
         select pg_catalog.jsonb_object_agg(f.key, case
                  when f.key = any (%(oids)s::text[])
                  then f.value || pg_catalog.jsonb_build_object(
                         'lsn', %(position)s::text, 'columns', ({_columns("f.key::oid")}))
                  else f.value end)
           from pg_catalog.jsonb_each(st.frontier -> 'sources') f))
 where st.{engine.id} = %(pgs_id)s and st.frontier -> 'sources' <> '{{}}'
"""


UNKNOWN_RELATIONS = """
with recursive family as (
  select c.oid, c.oid as member
    from rows from (pg_catalog.unnest(%(schemas)s::text[]), pg_catalog.unnest(%(tables)s::text[]))
           r (schema_name, table_name)
    join pg_catalog.pg_namespace n on n.nspname = r.schema_name
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = r.table_name
   union
  select family.oid, i.inhparent from family join pg_catalog.pg_inherits i on i.inhrelid = family.member)
select n.nspname || '.' || c.relname as name
  from family
  join pg_catalog.pg_class c on c.oid = family.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 group by family.oid, n.nspname, c.relname
having not pg_catalog.bool_or(family.member = any (%(oids)s::oid[]))
 order by 1
"""
"""Relations that are neither among some oids nor partitions or children of one that is."""


@cache
def replaced_views(engine: Engine) -> str:
    """
    Return the views of a stream table's query that were defined after it, however deep.

    ``defining_query`` is what the engine runs: the query with the views as they were, copied into it.
    """
    return f"""
with recursive views as (
  select d.source_relid as oid, d.xmin as noted
    from {engine.dependencies} d
   where d.{engine.id} = %(pgs_id)s and d.source_type = 'VIEW'
   union
  select c.oid, views.noted
    from views
    join pg_catalog.pg_rewrite r on r.ev_class = views.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
     and d.refclassid = 'pg_catalog.pg_class'::regclass
    join pg_catalog.pg_class c on c.oid = d.refobjid and c.relkind = 'v')
select distinct n.nspname || '.' || c.relname as name, st.defining_query
  from views
  join pg_catalog.pg_rewrite r on r.ev_class = views.oid
  join pg_catalog.pg_class c on c.oid = views.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join {engine.catalog} st on st.{engine.id} = %(pgs_id)s
 where {_age("r.xmin")} < {_age("views.noted")}
 order by 1
"""


def rows_differ(query: str, other: str) -> sql.Composed:
    """Tell whether two queries return different rows at this moment, whatever their types and columns."""
    rows = [sql.SQL("select q::text from ({}\n) q").format(sql.SQL(text)) for text in (query, other)]
    return sql.SQL("select exists (({0} except all {1}) union all ({1} except all {0})) as differ").format(
        *rows
    )
