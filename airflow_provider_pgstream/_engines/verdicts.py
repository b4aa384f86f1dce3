"""The SQL of the table in which verdicts about queries are kept, where everybody sees them."""

from __future__ import annotations

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.engine import Engine

SCHEMA = "pgstream_check"
TABLE = f"{SCHEMA}.verdicts"

RIGHT, WRONG, FAILS, REFUSED, UNKNOWN = "right", "wrong", "fails", "refused", "unknown"
BAD = (WRONG, FAILS, REFUSED)

IS_THERE = f"select pg_catalog.to_regclass('{TABLE}') is not null as is_there"

MAKE = f"""
create schema if not exists {SCHEMA};
create table if not exists {TABLE} (
    query_hash text, engine text, version text, refresh_mode text, verdict text not null,
    sentence text not null, changes int not null, seed bigint not null, counterexample text,
    query text not null, checked_at timestamptz not null default pg_catalog.now(),
    checked_by text not null default current_user,
    primary key (query_hash, engine, version, refresh_mode));
grant usage on schema {SCHEMA} to public;
grant select (query_hash, engine, version, refresh_mode, verdict, sentence, changes, seed, checked_at,
              checked_by) on {TABLE} to public
"""
"""Queries and counterexamples hold constants and rows of people: not everybody is granted them."""


def hash_of(query: str) -> str:
    """Return SQL for what identifies a query, whatever its blanks; the dbt package does the same."""
    return f"pg_catalog.md5(pg_catalog.btrim(pg_catalog.regexp_replace({query}, '[\\s;]+', ' ', 'g')))"


def _of(engine: Engine, query: str) -> str:
    return (
        f"query_hash = {hash_of(query)} and engine = '{engine.extension}'"
        f" and version = (select e.extversion from pg_catalog.pg_extension e where e.extname = engine)"
    )


def of_table(engine: Engine) -> str:
    """Return the verdict about a stream table's query in DIFFERENTIAL mode."""
    return (
        f"select v.verdict, v.sentence from {TABLE} v"
        f" where {_of(engine, '%(query)s')}"
        f" and v.refresh_mode in ('{words.DIFFERENTIAL}', '{words.AUTO}')"
        f" order by v.verdict <> '{RIGHT}' desc limit 1"
    )


def kept(engine: Engine) -> str:
    """Return the verdict about a query in a mode."""
    return (
        "select verdict, sentence, %(query)s as query, refresh_mode, engine, version, changes, seed,"
        " checked_at, null::text as counterexample, 0.0 as seconds"
        f" from {TABLE} where {_of(engine, '%(query)s')} and refresh_mode = %(refresh_mode)s"
    )


KEEP = f"""
insert into {TABLE} as v (query_hash, engine, version, refresh_mode, verdict, sentence, changes, seed,
                          counterexample, query)
values ({hash_of("%(query)s")}, %(engine)s, %(version)s, %(refresh_mode)s, %(verdict)s, %(sentence)s,
        %(changes)s, %(seed)s, %(counterexample)s, %(query)s)
on conflict (query_hash, engine, version, refresh_mode) do update
   set verdict = excluded.verdict, sentence = excluded.sentence, changes = excluded.changes,
       seed = excluded.seed, counterexample = excluded.counterexample, checked_at = excluded.checked_at,
       checked_by = excluded.checked_by
 where excluded.verdict in ('{WRONG}', '{FAILS}', '{REFUSED}')
    or v.verdict = '{UNKNOWN}' or v.verdict = '{RIGHT}' and excluded.verdict = '{RIGHT}'
"""
"""One seed may find what another misses: that a query goes wrong stays until somebody deletes it."""


def untrusted(engine: Engine) -> str:
    """Return the scheduled stream tables in DIFFERENTIAL mode, with the verdict about the query of each."""
    return f"""
select {engine.qualified_name} as name, v.verdict
  from {engine.catalog} st
  left join {TABLE} v on {_of(engine, "coalesce(st.original_query, st.defining_query)")}
   and v.refresh_mode in ('{words.DIFFERENTIAL}', '{words.AUTO}')
 where st.refresh_mode = '{words.DIFFERENTIAL}'
 order by 1
"""
