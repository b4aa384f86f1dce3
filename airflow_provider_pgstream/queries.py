"""The SQL that is sent, as text: values are bound, identifiers go through ``psycopg.sql``."""

from __future__ import annotations

from psycopg import sql

from airflow_provider_pgstream import engine

ENGINE = f"""
select extname as extension, extversion as version
  from pg_catalog.pg_extension
 where extname in ('{engine.EXTENSION}', '{engine.LATER_EXTENSION}')
 order by extname
"""

_ENABLED = (
    f"coalesce(nullif(pg_catalog.current_setting('{engine.EXTENSION}.enabled', true), '')::boolean, true)"
)
_SERVES = f"(pg_catalog.current_database() = '{engine.SCHEDULER_DATABASE}' and {_ENABLED})"
# The emulator's scheduler is a client and cannot have a backend_type of its own.
_IS_SCHEDULER = f"'{engine.SCHEDULER_PROCESS}' in (a.backend_type, a.application_name)"

ENGINE_STATUS = f"""
select e.extname as extension, e.extversion as version,
       pg_catalog.current_setting('server_version') as postgres_version,
       pg_catalog.current_database()::text as database,
       {_ENABLED} as enabled,
       {_SERVES} as scheduler_serves,
       (select max(a.backend_start) from pg_catalog.pg_stat_activity a
         where a.datname = pg_catalog.current_database() and {_IS_SCHEDULER}) as scheduler_since,
       pg_catalog.pg_has_role('pg_read_all_stats', 'usage') as can_see_processes
  from pg_catalog.pg_extension e
 where e.extname = '{engine.EXTENSION}'
"""

STREAM_TABLES = f"""
select st.pgs_id, st.pgs_relid::bigint as storage_oid,
       st.pgs_schema || '.' || st.pgs_name as name,
       st.status, st.refresh_mode, st.is_populated, st.schedule, st.data_timestamp, st.last_refresh_at,
       case when st.is_populated
            then extract(epoch from pg_catalog.clock_timestamp() - st.data_timestamp)::float8 end as staleness,
       st.consecutive_errors, st.needs_reinit,
       coalesce(st.original_query, st.defining_query) as query,
       (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                 'oid', d.source_relid::bigint, 'schema', n.nspname, 'table', c.relname, 'kind', d.source_type)
                 order by d.source_relid::bigint)
          from {engine.DEPENDENCIES} d
          left join pg_catalog.pg_class c on c.oid = d.source_relid
          left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where d.pgs_id = st.pgs_id) as sources,
       st.functions_used, st.created_at,
       {_SERVES} as scheduler_serves,
       not exists (select from pg_catalog.pg_class c where c.oid = st.pgs_relid) as detached
  from {engine.CATALOG} st
 where %(names)s::text[] is null or st.pgs_schema || '.' || st.pgs_name = any (%(names)s::text[])
 order by st.pgs_id
"""
"""One look at some stream tables (``names``: an array of ``schema.table``, or NULL for all)."""

CURRENT_SCHEMA = "select pg_catalog.current_schema()::text as schema"

BEGIN = f"begin isolation level read committed; set local search_path = {engine.SEARCH_PATH}"
"""READ COMMITTED whatever the role's default is: the refresh must see what was committed while it waited for its locks."""

COMMIT = "commit"
ROLLBACK = "rollback"

UNLOCK_ALL = "select pg_catalog.pg_advisory_unlock_all()"
"""A failed refresh leaves its advisory lock with the session."""

NOTICE_DEAD_CLIENTS = "set client_connection_check_interval = '2s'"
"""Lets the server end a long refresh whose worker was killed, instead of running it to its end and rolling back."""

REFRESH = f"select {engine.SCHEMA}.refresh_stream_table(%(name)s)"

ALTER = (
    f"select {engine.SCHEMA}.alter_stream_table(%(name)s, schedule => %(schedule)s,"
    " refresh_mode => %(refresh_mode)s, status => %(status)s)"
)

CREATE = (
    f"select {engine.SCHEMA}.create_stream_table(%(name)s, query => %(query)s, schedule => %(schedule)s,"
    " refresh_mode => %(refresh_mode)s, initialize => %(initialize)s)"
)

DROP = f"select {engine.SCHEMA}.drop_stream_table(%(name)s)"

LOCK_CREATION = "select pg_catalog.pg_advisory_xact_lock({}, {})".format(*engine.CREATION_LOCK)

LOCK_HOLDERS = """
with recursive family as (
  select unnest(%(oids)s::oid[]) as oid
   union
  select i.inhrelid from pg_catalog.pg_inherits i join family f on f.oid = i.inhparent)
select distinct a.pid, a.usename, a.application_name, a.state,
       extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::int as seconds,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 200) as query
  from pg_catalog.pg_locks l
  join family f on f.oid = l.relation
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.granted and l.pid <> pg_catalog.pg_backend_pid()
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and (l.mode = any (%(modes)s::text[]))
 order by a.pid
"""
"""Who holds locks of some modes on some relations, their partitions and children included."""

AGAINST_SHARE = [
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
]
AGAINST_ACCESS_EXCLUSIVE = ["AccessShareLock", "RowShareLock", "ShareLock", *AGAINST_SHARE]


def set_lock_timeout(seconds: float) -> sql.Composed:
    """Limit the waiting for locks in the transaction that is open; never to 0, which would mean no limit."""
    return sql.SQL("set local lock_timeout = {}").format(sql.Literal(max(1, int(seconds * 1000))))


def lock_in_share_mode(schema: str, table: str) -> sql.Composed:
    """Lock a source as CREATE INDEX does: open writers are waited for, new ones wait."""
    return sql.SQL("lock table {} in share mode").format(sql.Identifier(schema, table))
