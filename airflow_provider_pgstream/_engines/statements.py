"""Transactions, locks and limits: SQL that is the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.engine import CREATION_LOCK, SEARCH_PATH

BEGIN = f"begin isolation level read committed; set local search_path = {SEARCH_PATH}"
"""READ COMMITTED whatever the role's default."""


BEGIN_SNAPSHOT = f"begin isolation level repeatable read; set local search_path = {SEARCH_PATH}"
"""All statements see the rows of one moment."""


COMMIT = "commit"


ROLLBACK = "rollback"


UNLOCK_ALL = "select pg_catalog.pg_advisory_unlock_all()"
"""A failed refresh leaves its advisory lock with the session."""


BEGIN_BOUNDARY = f"{BEGIN_SNAPSHOT}; set local synchronous_commit = on"
"""The frontier that is stored may be trusted only once it is on disk."""


NOTICE_DEAD_CLIENTS = "set client_connection_check_interval = '2s'"
"""Lets the server end a long statement whose worker was killed, instead of finishing it for nobody."""


LOCK_CREATION = "select pg_catalog.pg_advisory_xact_lock({}, {})".format(*CREATION_LOCK)


LOCKABLE = (words.SOURCE_TABLE, words.SOURCE_STREAM_TABLE)
"""The kinds of sources that a LOCK holds by themselves; what a view reads is among the sources, too."""


AGAINST_SHARE = [
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
]


AGAINST_ACCESS_SHARE = ["AccessExclusiveLock"]


AGAINST_ACCESS_EXCLUSIVE = ["AccessShareLock", "RowShareLock", "ShareLock", *AGAINST_SHARE]


LOCK_HOLDERS = """
with recursive family as (
  select unnest(%(oids)s::oid[]) as oid
   union
  select i.inhrelid from pg_catalog.pg_inherits i join family f on f.oid = i.inhparent)
select distinct a.pid, a.usename, a.application_name, a.state, a.backend_type,
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


def set_lock_timeout(seconds: float) -> sql.Composed:
    """Limit the waiting for locks in the transaction that is open; never to 0, which would mean no limit."""
    return sql.SQL("set local lock_timeout = {}").format(sql.Literal(max(1, int(seconds * 1000))))


def lock_tables(tables: Iterable[tuple[str, str]], mode: str) -> sql.Composed:
    """Lock tables, ``(schema, table)`` each, in their order. A LOCK takes no snapshot."""
    names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
    return sql.SQL("lock table {} in {} mode").format(names, sql.SQL(mode))


DEADLOCK_TIMEOUT = """
select setting::float8 / 1000 as deadlock_timeout from pg_catalog.pg_settings where name = 'deadlock_timeout'
"""


EXPORT_SNAPSHOT = "select pg_catalog.pg_export_snapshot() as snapshot"


def set_statement_timeout(seconds: float) -> sql.Composed:
    """Limit how long a statement of the transaction that is open may run."""
    return sql.SQL("set local statement_timeout = {}").format(sql.Literal(max(1, int(seconds * 1000))))


FRESH_ACTIVITY = "select pg_catalog.pg_stat_clear_snapshot()"
"""A transaction sees the sessions as they were when it first asked."""
