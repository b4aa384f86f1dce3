"""The SQL that reads the catalog of an engine and calls its functions; values are bound."""

from __future__ import annotations

from functools import cache

from psycopg import sql

from airflow_provider_pgstream._engines.engine import Engine

CURRENT_SCHEMA = "select pg_catalog.current_schema()::text as schema"


def drop_table(schema: str, table: str) -> sql.Composed:
    """Drop the storage table itself; the engine's event trigger then cleans its catalog."""
    return sql.SQL("drop table if exists {} cascade").format(sql.Identifier(schema, table))


def rename(engine: Engine, old: str, new: str) -> sql.Composed:
    """Rename a stream table within its schema, in the database and in the engine's catalog."""
    schema, old_name = old.split(".", 1)
    new_name = new.split(".", 1)[1]
    return sql.SQL(
        "alter table {} rename to {};"
        " update {} set {} = {}, updated_at = pg_catalog.now() where {} = {} and {} = {}"
    ).format(
        sql.Identifier(schema, old_name),
        sql.Identifier(new_name),
        sql.SQL(engine.catalog),
        sql.Identifier(f"{engine.prefix}_name"),
        new_name,
        sql.Identifier(f"{engine.prefix}_schema"),
        schema,
        sql.Identifier(f"{engine.prefix}_name"),
        old_name,
    )


def _enabled(engine: Engine) -> str:
    return (
        f"coalesce(nullif(pg_catalog.current_setting('{engine.extension}.enabled', true), '')::boolean, true)"
    )


def _is_served(engine: Engine) -> str:
    if engine.scheduler_database is None:
        return "true"
    return f"pg_catalog.current_database() = '{engine.scheduler_database}'"


def _unsafe_settings(engine: Engine) -> str:
    """Return SQL for the settings that are not as they have to be, each as the sentence that says so."""
    cases = [
        f"case when pg_catalog.current_setting('{engine.extension}.{setting.name}', true) <> '{setting.safe}'"
        f" then '{engine.extension}.{setting.name} = {setting.safe} and select pg_reload_conf(),"
        f" or {setting.at_stake}' end"
        for setting in engine.safe_settings
    ]
    return f"pg_catalog.array_remove(array[{', '.join(cases)}]::text[], null)"


@cache
def status(engine: Engine) -> str:
    """Return the engine's version and its scheduler in this database."""
    # The emulator's scheduler is a client and cannot have a backend_type of its own.
    return f"""
select e.extname as extension, e.extversion as version,
       pg_catalog.current_setting('server_version') as postgres_version,
       pg_catalog.current_database()::text as database,
       {_enabled(engine)} as enabled,
       {_is_served(engine)} as is_served,
       {_is_served(engine)} and {_enabled(engine)} as scheduler_serves,
       (select max(a.backend_start) from pg_catalog.pg_stat_activity a
         where a.datname = pg_catalog.current_database()
           and '{engine.scheduler_process}' in (a.backend_type, a.application_name)) as scheduler_since,
       pg_catalog.pg_has_role('pg_read_all_stats', 'usage') as can_see_processes,
       {_unsafe_settings(engine)} as unsafe_settings,
       pg_catalog.clock_timestamp() as seen_at
  from pg_catalog.pg_extension e
 where e.extname = '{engine.extension}'
"""


@cache
def stream_tables(engine: Engine) -> str:
    """Return some stream tables (``names``: an array of ``schema.table``, or NULL for all)."""
    p = engine.prefix
    return f"""
select st.{p}_id as pgs_id, st.{p}_relid::bigint as storage_oid,
       {engine.qualified_name} as name,
       st.status, st.refresh_mode, st.is_populated, {engine.schedule} as schedule,
       {engine.fresh_as_of} as data_timestamp, st.last_refresh_at,
       case when st.is_populated
            then extract(epoch from pg_catalog.clock_timestamp() - {engine.fresh_as_of})::float8
             end as staleness,
       st.consecutive_errors, st.needs_reinit, {engine.last_error} as last_error,
       coalesce(st.original_query, st.defining_query) as query,
       (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                 'oid', d.source_relid::bigint, 'kind', d.source_type,
                 'schema', n.nspname, 'table', c.relname)
                 order by d.source_relid::bigint)
          from {engine.dependencies} d
          left join pg_catalog.pg_class c on c.oid = d.source_relid
          left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where d.{p}_id = st.{p}_id) as sources,
       st.functions_used, st.created_at,
       {engine.unscheduled} as unscheduled, {engine.external} as is_external,
       {_is_served(engine)} and {_enabled(engine)} as scheduler_serves,
       not exists (select from pg_catalog.pg_class c where c.oid = st.{p}_relid) as detached,
       pg_catalog.clock_timestamp() as seen_at
  from {engine.catalog} st
 where %(names)s::text[] is null or {engine.qualified_name} = any (%(names)s::text[])
 order by st.{p}_id
"""


@cache
def marks(engine: Engine) -> str:
    """Return what shows that a stream table was refreshed; ``action`` is NULL if that was by hand."""
    return f"""
select {engine.qualified_name} as name, st.{engine.id} as pgs_id,
       pg_catalog.to_jsonb(st.last_refresh_at) #>> '{{}}' as refreshed_at,
       pg_catalog.to_jsonb({engine.fresh_as_of}) #>> '{{}}' as data_timestamp,
       {engine.moved} as moved,
       (select {engine.history_action} from {engine.history} h
         where h.{engine.id} = st.{engine.id} and {engine.history_of_last} and h.status = 'COMPLETED'
         order by h.refresh_id desc limit 1) as action
  from {engine.catalog} st
 where {engine.qualified_name} = any (%(names)s::text[])
"""


def catalog_row(engine: Engine) -> str:
    """Return a stream table's row of the catalog, as JSON."""
    return f"select pg_catalog.to_jsonb(st) as row from {engine.catalog} st where {engine.id} = %(pgs_id)s"


def refreshed(engine: Engine) -> str:
    """Return what a refresh in the same transaction has left in the catalog, and whether there was one."""
    return (
        f"select {engine.fresh_as_of} as data_timestamp, {engine.recomputed} as recomputed,"
        " st.last_refresh_at = pg_catalog.now() as is_mine"
        f" from {engine.catalog} st where {engine.id} = %(pgs_id)s"
    )


def refresh(engine: Engine) -> str:
    """Refresh a stream table, as the engine does it."""
    return f"select {engine.schema}.refresh_stream_table(%(name)s)"


@cache
def refresh_graph(engine: Engine) -> str:
    """Refresh a stream table that is EXTERNAL, and all that it reads, by the engine's own locks."""
    table = "array[%(storage_oid)s::pg_catalog.oid::pg_catalog.regclass]"
    return f"""
select r.node_results -> %(storage_oid)s::text as node
  from {engine.schema}.graph_contract({table}) c,
       {engine.schema}.refresh_graph_strict({table}, c.graph_digest, 'ALLOW') r
"""


@cache
def alter(engine: Engine, settings: tuple[str, ...]) -> str:
    """Change some settings of a stream table."""
    return f"select {engine.schema}.alter_stream_table(%(name)s{_named(settings)})"


@cache
def create(engine: Engine, settings: tuple[str, ...]) -> str:
    """Create a stream table, as the engine does it."""
    return f"select {engine.schema}.create_stream_table(%(name)s{_named(settings)})"


def _named(settings: tuple[str, ...]) -> str:
    # Named, because versions insert arguments between those that there were.
    return "".join(f", {setting} => %({setting})s" for setting in settings)


@cache
def call(engine: Engine, function: str, arguments: tuple[str, ...]) -> str:
    """Call one of the engine's functions, its arguments by name."""
    return f"select {engine.schema}.{function}({', '.join(f'{one} => %({one})s' for one in arguments)})"


def health_checks(engine: Engine) -> str:
    """Return what the engine's own checks say, a row for each."""
    return f"select check_name as name, severity, detail from {engine.schema}.health_check()"


def watermark_groups(engine: Engine) -> str:
    """Return the groups of sources that are loaded together, and how level they are."""
    return f"""
select s.group_name as name, s.aligned, s.lag_secs as lag_seconds, g.tolerance_secs as tolerance_seconds,
       s.min_watermark, s.max_watermark, s.sources_with_watermark, s.sources_total
  from {engine.schema}.watermark_status() s join {engine.schema}.watermark_groups() g using (group_name)
 order by s.group_name
"""


def drop(engine: Engine) -> str:
    """Drop a stream table, as the engine does it."""
    return f"select {engine.schema}.drop_stream_table(%(name)s)"


def history(engine: Engine) -> str:
    """Return the refreshes that left a row, the latest first."""
    return f"""
select refresh_id, action, status, rows_inserted, rows_deleted, data_timestamp, start_time, end_time,
       duration_ms::float8 as duration_ms, error_message
  from {engine.schema}.get_refresh_history(%(name)s, %(max_rows)s)
"""


def explain(engine: Engine) -> str:
    """Return the engine's account of a stream table, a row for each property."""
    return f"select property, value from {engine.schema}.explain_st(%(name)s)"


@cache
def dependents(engine: Engine) -> str:
    """Return views and stream tables that would vanish or break with a stream table, the farthest first."""
    p = engine.prefix
    return f"""
with recursive readers as (
  select st.{p}_relid as oid, 0 as depth from {engine.catalog} st
   where {engine.qualified_name} = %(name)s
   union
  select found.oid, readers.depth + 1
    from readers,
         lateral (
           select r.ev_class as oid
             from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid
            where d.refobjid = readers.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
              and d.classid = 'pg_catalog.pg_rewrite'::regclass and r.ev_class <> readers.oid
            union
           select st.{p}_relid from {engine.dependencies} d join {engine.catalog} st using ({p}_id)
            where d.source_relid = readers.oid) found
   where readers.depth < 100)
select case when st.{p}_id is not null then {engine.qualified_name}
            else n.nspname || '.' || c.relname end as name,
       st.{p}_id is not null as is_stream_table, max(readers.depth) as depth
  from readers
  join pg_catalog.pg_class c on c.oid = readers.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join {engine.catalog} st on st.{p}_relid = readers.oid
 where readers.oid not in (select oid from readers where depth = 0)
 group by 1, 2
 order by depth desc, name
"""
