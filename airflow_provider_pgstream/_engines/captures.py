"""The SQL about change capture: its triggers, its buffers, and what it cannot see."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from psycopg import sql

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.statements import set_lock_timeout


@cache
def cdc_sources(engine: Engine) -> str:
    """Return the captured sources of some stream tables, or of all."""
    return f"""
with captured as (
  select d.source_relid, d.source_relid::bigint as oid,
         max(d.cdc_mode) as cdc_mode, max(d.slot_name) as slot_name,
         pg_catalog.array_agg(distinct {engine.qualified_name}) as stream_tables
    from {engine.dependencies} d join {engine.catalog} st using ({engine.id})
   where d.source_type = '{words.SOURCE_TABLE}'
   group by d.source_relid)
select s.oid, n.nspname || '.' || c.relname as name, s.cdc_mode,
       coalesce(h.slot_name, s.slot_name) as slot_name, h.lag_bytes, h.alert,
       case when s.cdc_mode = 'WAL' then
              case when h.alert = 'replication_slot_missing' then 'slot missing' else 'ok' end
            when not t.present then 'missing'
            when t.disabled then 'disabled'
            else 'ok' end as capture,
       s.stream_tables
  from captured s
  left join pg_catalog.pg_class c on c.oid = s.source_relid
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join lateral ({engine.capture}) t on true
  left join {engine.schema}.check_cdc_health() h on h.source_relid = s.oid
 where %(names)s::text[] is null or s.stream_tables && %(names)s::text[]
 order by s.oid
"""


@cache
def buffers(engine: Engine) -> str:
    """
    Return change buffers, with the position up to which every stream table on the source has read.

    It is NULL where one that lives on changes has no position yet: what it has yet to read is not known.
    """
    p = engine.prefix
    return f"""
select d.source_relid::bigint as oid, b.relname as buffer,
       case when not pg_catalog.bool_or(f.lsn is null and st.refresh_mode = '{words.DIFFERENTIAL}')
            then min(f.lsn)::text end as lsn
  from {engine.dependencies} d
  join {engine.catalog} st using ({p}_id)
  cross join lateral (
    select (st.frontier #>> array['sources', d.source_relid::bigint::text, 'lsn'])::pg_lsn as lsn) f
  join pg_catalog.pg_class b on {engine.is_buffer}
 where d.source_type = '{words.SOURCE_TABLE}'
   and (%(names)s::text[] is null or d.source_relid in (
         select d2.source_relid from {engine.dependencies} d2 join {engine.catalog} st using ({p}_id)
          where {engine.qualified_name} = any (%(names)s::text[])))
 group by d.source_relid, b.relname
 order by d.source_relid
"""


@cache
def buffers_of(engine: Engine) -> str:
    """Return the change buffers of one stream table's sources."""
    return f"""
select d.source_relid::bigint as source_oid, b.oid::bigint as oid, b.relname as buffer
  from {engine.dependencies} d
  join pg_catalog.pg_class b on {engine.is_buffer}
 where d.{engine.id} = %(pgs_id)s and d.source_type = '{words.SOURCE_TABLE}'
 order by d.source_relid
"""


@cache
def read_up_to(engine: Engine) -> str:
    """Return the change buffers of some sources, with the lowest position that a reader of each is at."""
    return f"""
select b.oid::bigint as oid, b.relname as buffer, min(f.lsn)::text as lsn
  from {engine.dependencies} d
  join {engine.catalog} st using ({engine.id})
  cross join lateral (
    select (st.frontier #>> array['sources', d.source_relid::bigint::text, 'lsn'])::pg_lsn as lsn) f
  join pg_catalog.pg_class b on {engine.is_buffer}
 where d.source_relid = any (%(oids)s::oid[]) and d.source_type = '{words.SOURCE_TABLE}'
 group by b.oid, b.relname
having min(f.lsn) is not null
 order by b.oid
"""


def delete_read(engine: Engine, buffer: str, lsn: str, lock_timeout: float) -> sql.Composed:
    """Delete from a change buffer what lies at or before a position, in a transaction of its own."""
    return sql.SQL("begin; {}; delete from {} where lsn <= {}::pg_lsn; commit").format(
        set_lock_timeout(lock_timeout), sql.Identifier(engine.changes_schema, buffer), sql.Literal(lsn)
    )


def has_read(engine: Engine, buffer: str) -> sql.Composed:
    """Tell whether anything lies in a change buffer at or before a position."""
    return sql.SQL("select exists (select from {} where lsn <= %(lsn)s::pg_lsn) as found").format(
        sql.Identifier(engine.changes_schema, buffer)
    )


def pending(engine: Engine, buffers: Mapping[int, str]) -> sql.Composed:
    """
    Tell of each source whether changes of it wait that a stream table has not read; NULL where nobody knows.

    A TRUNCATE is a change in the buffer, too. Without a frontier a table has read nothing since it was
    filled; but then others that read the source may have had its changes cleaned away.

    :param buffers: the sources' oids and the names of their change buffers.
    """
    each = sql.SQL(
        """
select case when f.lsn is not null then exists (select from {buffer} b where b.lsn > f.lsn)
            when not f.is_shared then exists (select from {buffer} b)
             end as pending
  from (select (st.frontier #>> array['sources', {oid}::text, 'lsn'])::pg_lsn as lsn,
               exists (select from {dependencies} o
                        where o.source_relid = {oid}::oid and o.{id} <> st.{id}) as is_shared
          from {catalog} st where st.{id} = %(pgs_id)s) f
"""
    )
    return sql.SQL(" union all ").join(
        each.format(
            buffer=sql.Identifier(engine.changes_schema, buffer),
            oid=sql.Literal(oid),
            dependencies=sql.SQL(engine.dependencies),
            catalog=sql.SQL(engine.catalog),
            id=sql.SQL(engine.id),
        )
        for oid, buffer in buffers.items()
    )


STORAGE_FILE = "select pg_catalog.pg_relation_filenode(%(oid)s::oid) as file"
"""The file that holds a table's rows: another one once the table was truncated."""


def capture_risks(engine: Engine) -> str:
    """
    Return, for each table that DIFFERENTIAL stream tables read, what lets changes by without being captured.

    Its family is the table itself with its partitions and children. A capture trigger that does not fire
    ``always`` is silent in sessions that apply what was replicated.
    """
    p = engine.prefix
    return f"""
with recursive captured as (
  select d.source_relid as oid, pg_catalog.array_agg({engine.qualified_name} order by st.{p}_id) as readers,
         pg_catalog.array_agg({engine.qualified_name} order by st.{p}_id) filter (
           where (st.frontier #>> array['sources', d.source_relid::bigint::text, 'lsn'])::pg_lsn
                 > {engine.position}) as ahead,
         max(d.cdc_mode) filter (where d.cdc_mode <> '{words.TRIGGER}') as decoded,
         pg_catalog.bool_or((
           select b.relpersistence = 'u' from pg_catalog.pg_class b where {engine.is_buffer})) as is_unlogged
    from {engine.dependencies} d join {engine.catalog} st using ({p}_id)
   where d.source_type = '{words.SOURCE_TABLE}' and st.refresh_mode = '{words.DIFFERENTIAL}'
   group by d.source_relid),
family as (
  select oid as source_relid, oid as member from captured
   union
  select f.source_relid, i.inhrelid from family f join pg_catalog.pg_inherits i on i.inhparent = f.member),
silent as (
  select distinct f.source_relid, f.member
    from family f join pg_catalog.pg_trigger tg on tg.tgrelid = f.member
   where tg.tgname = any ({engine.capture_triggers.format(source="f.source_relid")})
     and tg.tgenabled not in ('A', 'R'))
select n.nspname || '.' || c.relname as name, c.relkind = 'p' as is_partitioned, s.readers, s.ahead,
       s.decoded, s.is_unlogged,
       (select pg_catalog.array_agg(f.member::regclass::text order by f.member)
          from family f join pg_catalog.pg_class m on m.oid = f.member and m.relkind = 'r'
         where f.source_relid = s.oid and c.relkind = 'p'
           and not exists (
             select from pg_catalog.pg_trigger tg
              where tg.tgrelid = f.member
                and tg.tgname = any ({engine.capture_triggers.format(source="f.source_relid")}))) as blind,
       (select pg_catalog.array_agg(f.member::regclass::text order by f.member)
          from family f where f.source_relid = s.oid and f.member <> s.oid) as children,
       (select pg_catalog.array_agg(distinct sub.subname::text)
          from silent q
          join pg_catalog.pg_subscription_rel r on r.srrelid = q.member
          join pg_catalog.pg_subscription sub on sub.oid = r.srsubid
         where q.source_relid = s.oid) as subscriptions,
       (select pg_catalog.array_agg(distinct coalesce(a.rolname::text, 'everybody'))
          from pg_catalog.pg_db_role_setting g
          left join pg_catalog.pg_roles a on a.oid = g.setrole
         where 'session_replication_role=replica' = any (g.setconfig)
           and g.setdatabase in (0, (select oid from pg_catalog.pg_database
                                      where datname = pg_catalog.current_database()))
           and (a.oid is null
                or pg_catalog.has_table_privilege(a.oid, c.oid, 'insert, update, delete, truncate'))
           and exists (select from silent q where q.source_relid = s.oid)) as silent_roles,
       (select pg_catalog.array_agg(tg.tgname::text order by tg.tgname)
          from pg_catalog.pg_trigger tg join pg_catalog.pg_proc p on p.oid = tg.tgfoid
         where tg.tgrelid = s.oid and not tg.tgisinternal and tg.tgenabled <> 'D'
           and tg.tgtype & 67 = 1 -- FOR EACH ROW, neither BEFORE nor INSTEAD OF
           and tg.tgname::text collate "C" < all ({engine.capture_triggers.format(source="s.oid")})
           and p.prosrc ~* ('\\m(update|delete\\s+from|merge\\s+into)\\s+(only\\s+)?("?\\w+"?\\.)?"?'
                            || pg_catalog.regexp_replace(c.relname, '(\\W)', '\\\\\\1', 'g') || '\\M')
       ) as writers
  from captured s
  join pg_catalog.pg_class c on c.oid = s.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by s.oid
"""


def trim_buffer(engine: Engine, buffer: str) -> sql.Composed:
    """Delete what every stream table has read, and count it."""
    return sql.SQL(
        "with gone as (delete from {} where lsn <= %(lsn)s::pg_lsn returning 1)"
        " select count(*) as deleted from gone"
    ).format(sql.Identifier(engine.changes_schema, buffer))
