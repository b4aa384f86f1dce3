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
            then extract(epoch from pg_catalog.clock_timestamp() - st.data_timestamp)::float8
             end as staleness,
       st.consecutive_errors, st.needs_reinit,
       coalesce(st.original_query, st.defining_query) as query,
       (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                 'oid', d.source_relid::bigint, 'kind', d.source_type,
                 'schema', n.nspname, 'table', c.relname)
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

MARKS = f"""
select st.pgs_schema || '.' || st.pgs_name as name, st.pgs_id,
       pg_catalog.to_jsonb(st.last_refresh_at) #>> '{{}}' as refreshed_at,
       pg_catalog.to_jsonb(st.data_timestamp) #>> '{{}}' as data_timestamp,
       pg_catalog.md5(st.frontier::text) as frontier,
       (select h.action from {engine.HISTORY} h
         where h.pgs_id = st.pgs_id and h.data_timestamp = st.last_refresh_at and h.status = 'COMPLETED'
         order by h.refresh_id desc limit 1) as action
  from {engine.CATALOG} st
 where st.pgs_schema || '.' || st.pgs_name = any (%(names)s::text[])
"""
"""What shows that a stream table was refreshed, by the scheduler (which leaves an ``action``) or by hand."""

LOOK_AGAIN = f"""
select st.status, st.refresh_mode, st.needs_reinit,
       array(select d.source_relid::bigint
               from {engine.DEPENDENCIES} d join pg_catalog.pg_class c on c.oid = d.source_relid
              where d.pgs_id = st.pgs_id and d.source_type = '{engine.SOURCE_TABLE}' order by 1) as oids
  from {engine.CATALOG} st where st.pgs_id = %(pgs_id)s
"""
"""What may have changed while locks were waited for."""

DATA_TIMESTAMP = f"select data_timestamp from {engine.CATALOG} where pgs_id = %(pgs_id)s"

CURRENT_SCHEMA = "select pg_catalog.current_schema()::text as schema"

BEGIN = f"begin isolation level read committed; set local search_path = {engine.SEARCH_PATH}"
"""READ COMMITTED whatever the role's default: the refresh must see what was committed while it waited."""

COMMIT = "commit"
ROLLBACK = "rollback"

UNLOCK_ALL = "select pg_catalog.pg_advisory_unlock_all()"
"""A failed refresh leaves its advisory lock with the session."""

NOTICE_DEAD_CLIENTS = "set client_connection_check_interval = '2s'"
"""Lets the server end a long refresh whose worker was killed, which it would else run to its end in vain."""

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


def lock_in_share_mode(schema: str, table: str, seconds: float) -> sql.Composed:
    """Lock a source as CREATE INDEX does, within some seconds: open writers are waited for, new ones wait."""
    lock = sql.SQL("lock table {} in share mode").format(sql.Identifier(schema, table))
    return sql.SQL("; ").join([set_lock_timeout(seconds), lock])


HISTORY = f"""
select refresh_id, action, status, rows_inserted, rows_deleted, data_timestamp, start_time, end_time,
       duration_ms::float8 as duration_ms, error_message
  from {engine.SCHEMA}.get_refresh_history(%(name)s, %(max_rows)s)
"""

EXPLAIN = f"select property, value from {engine.SCHEMA}.explain_st(%(name)s)"

CDC_SOURCES = f"""
with captured as (
  select d.source_relid, d.source_relid::bigint as oid,
         max(d.cdc_mode) as cdc_mode, max(d.slot_name) as slot_name,
         pg_catalog.array_agg(distinct st.pgs_schema || '.' || st.pgs_name) as stream_tables
    from {engine.DEPENDENCIES} d join {engine.CATALOG} st using (pgs_id)
   where d.source_type = '{engine.SOURCE_TABLE}'
   group by d.source_relid)
select s.oid, n.nspname || '.' || c.relname as name, s.cdc_mode,
       coalesce(h.slot_name, s.slot_name) as slot_name, h.lag_bytes, h.alert,
       case when s.cdc_mode = 'WAL' then
              case when h.alert = 'replication_slot_missing' then 'slot missing' else 'ok' end
            when t.present < 2 then 'missing' -- one for rows, one for TRUNCATE
            when t.disabled then 'disabled'
            else 'ok' end as capture,
       s.stream_tables
  from captured s
  left join pg_catalog.pg_class c on c.oid = s.source_relid
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join lateral (
         select count(*) as present, pg_catalog.bool_or(tg.tgenabled = 'D') as disabled
           from pg_catalog.pg_trigger tg
          where tg.tgrelid = s.source_relid
            and tg.tgname in ('{engine.CHANGE_TRIGGER}' || s.oid, '{engine.TRUNCATE_TRIGGER}' || s.oid)
         ) t on true
  left join {engine.SCHEMA}.check_cdc_health() h on h.source_relid = s.oid
 where %(names)s::text[] is null or s.stream_tables && %(names)s::text[]
 order by s.oid
"""

DEPENDENTS = f"""
with recursive readers as (
  select st.pgs_relid as oid, 0 as depth from {engine.CATALOG} st
   where st.pgs_schema || '.' || st.pgs_name = %(name)s
   union
  select found.oid, readers.depth + 1
    from readers,
         lateral (
           select r.ev_class as oid
             from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid
            where d.refobjid = readers.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
              and d.classid = 'pg_catalog.pg_rewrite'::regclass and r.ev_class <> readers.oid
            union
           select st.pgs_relid from {engine.DEPENDENCIES} d join {engine.CATALOG} st using (pgs_id)
            where d.source_relid = readers.oid) found
   where readers.depth < 100)
select case when st.pgs_id is not null then st.pgs_schema || '.' || st.pgs_name
            else n.nspname || '.' || c.relname end as name,
       st.pgs_id is not null as is_stream_table, max(readers.depth) as depth
  from readers
  join pg_catalog.pg_class c on c.oid = readers.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join {engine.CATALOG} st on st.pgs_relid = readers.oid
 where readers.oid not in (select oid from readers where depth = 0)
 group by 1, 2
 order by depth desc, name
"""
"""Views and stream tables that would vanish or break with a stream table, the farthest first."""

BUFFERS = f"""
select d.source_relid::bigint as oid, b.relname as buffer,
       min((st.frontier #>> array['sources', d.source_relid::text, 'lsn'])::pg_lsn)::text as lsn
  from {engine.DEPENDENCIES} d
  join {engine.CATALOG} st using (pgs_id)
  join pg_catalog.pg_class b on b.relname = 'changes_' || d.source_relid::bigint
   and b.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = '{engine.CHANGES_SCHEMA}')
 where d.source_type = '{engine.SOURCE_TABLE}'
   and (%(names)s::text[] is null or d.source_relid in (
         select d2.source_relid from {engine.DEPENDENCIES} d2 join {engine.CATALOG} st2 using (pgs_id)
          where st2.pgs_schema || '.' || st2.pgs_name = any (%(names)s::text[])))
 group by d.source_relid, b.relname
 order by d.source_relid
"""
"""Change buffers, with the position up to which every stream table on the source has read."""


def trim_buffer(buffer: str) -> sql.Composed:
    """Delete what every stream table has read, and count it."""
    return sql.SQL(
        "with gone as (delete from {} where lsn <= %(lsn)s::pg_lsn returning 1)"
        " select count(*) as deleted from gone"
    ).format(sql.Identifier(engine.CHANGES_SCHEMA, buffer))


def drop_table(schema: str, table: str) -> sql.Composed:
    """Drop the storage table itself; the engine's event trigger then cleans its catalog."""
    return sql.SQL("drop table if exists {} cascade").format(sql.Identifier(schema, table))
