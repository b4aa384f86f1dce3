"""Creating a stream table: what is there afterwards, and what is refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

DIFFERS = "it has other internal columns, modes, messages and SQLSTATEs"

STORAGE = """
    select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a
    where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
COUNT = ("__pgs_count", "bigint", True)


@pytest.mark.pg_stream_only(DIFFERS)
def test_storage_begins_with_the_row_id(engine: Any) -> None:
    engine.create("public.t", "select id, v from public.source")
    assert engine.rows(STORAGE, "public.t") == [
        ("__pgs_row_id", "bigint", False),
        ("id", "integer", False),
        ("v", "numeric", False),
    ]


@pytest.mark.parametrize(
    ("query", "mode", "counted"),
    [
        ("select g, count(*) as n from public.source group by g", "DIFFERENTIAL", True),
        ("select sum(v) as s from public.source", "DIFFERENTIAL", True),
        ("select distinct g from public.source", "DIFFERENTIAL", True),
        ("select g, count(*) as n from public.source group by g", "FULL", False),
        ("select id from public.source", "DIFFERENTIAL", False),
        ("select id, row_number() over (order by id) as r from public.source", "DIFFERENTIAL", False),
        ("select g from public.source union all select g from public.source", "DIFFERENTIAL", False),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_aggregates_end_with_a_counter(engine: Any, query: str, mode: str, counted: bool) -> None:
    engine.create("public.t", query, refresh_mode=mode)
    assert (engine.rows(STORAGE, "public.t")[-1] == COUNT) is counted


@pytest.mark.pg_stream_only(DIFFERS)
def test_row_id_is_unique(engine: Any) -> None:
    engine.create("public.t", "select id from public.source")
    assert engine.one(
        "select i.indisunique, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid "
        "where i.indrelid = 'public.t'::regclass"
    ) == (True, "t___pgs_row_id_idx")


def test_group_columns_have_an_index(engine: Any) -> None:
    engine.create("public.t", "select g, count(*) as n from public.source group by g")
    assert engine.one("select count(*) from pg_indexes where tablename = 't' and indexdef like '%%(g)'") == 1


def test_columns_lose_their_length_and_scale(engine: Any) -> None:
    engine.run("create table wide (a varchar(10), b numeric(10, 2), c timestamptz, d jsonb, e text[])")
    engine.create("public.t", "select a, b, c, d, e from public.wide", refresh_mode="FULL")
    assert [kind for _, kind, _ in engine.rows(STORAGE, "public.t")[1:]] == [
        "character varying",
        "numeric",
        "timestamp with time zone",
        "jsonb",
        "text[]",
    ]


@pytest.mark.pg_stream_only(DIFFERS)
def test_created_table_is_filled_and_active(engine: Any) -> None:
    engine.create("public.t", "select id from public.source", "1h")
    found = engine.catalog("public.t")
    assert (found["status"], found["is_populated"], found["frontier"]) == ("ACTIVE", True, None)
    assert found["data_timestamp"] == found["last_refresh_at"] is not None
    assert engine.rows("select id from t order by id") == [(1,), (2,), (3,), (4,)]


def test_uninitialized_table_is_empty_and_initializing(engine: Any) -> None:
    engine.create("public.t", "select id from public.source", initialize=False)
    found = engine.catalog("public.t")
    assert (found["status"], found["is_populated"], found["data_timestamp"]) == ("INITIALIZING", False, None)
    assert engine.rows("select * from t") == []


@pytest.mark.parametrize("word", ["full", "FULL", "Full"])
def test_mode_is_accepted_in_any_case(engine: Any, word: str) -> None:
    engine.create("public.t", "select id from public.source", refresh_mode=word)
    assert engine.catalog("public.t")["refresh_mode"] == "FULL"


def test_incremental_is_another_word_for_differential(engine: Any) -> None:
    engine.create("public.t", "select id from public.source", refresh_mode="incremental")
    assert engine.catalog("public.t")["refresh_mode"] == "DIFFERENTIAL"


@pytest.mark.parametrize("word", ["AUTO", "BOGUS", "IMMEDIATE"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_unknown_mode_is_refused(engine: Any, word: str) -> None:
    with pytest.raises(psycopg.errors.InternalError_) as refused:
        engine.create("public.t", "select id from public.source", refresh_mode=word)
    assert refused.value.diag.message_primary == (
        f"invalid argument: unknown refresh mode: {word}. Must be 'FULL' or 'DIFFERENTIAL'"
    )


@pytest.mark.pg_stream_only(DIFFERS)
def test_created_table_is_announced(engine: Any) -> None:
    said = engine.create("public.t", "select id from public.source")
    pgs_id = engine.catalog("public.t")["pgs_id"]
    assert f"Stream table public.t created (pgs_id={pgs_id}, mode=DIFFERENTIAL, initialized=true)" in said


@pytest.mark.pg_stream_only(DIFFERS)
def test_existing_stream_table_is_refused(engine: Any) -> None:
    engine.create("public.t", "select id from public.source")
    with engine.refuses("stream table already exists: public.t"):
        engine.create("public.t", "select g from public.source")


def test_existing_ordinary_table_is_refused(engine: Any) -> None:
    with pytest.raises(psycopg.errors.DuplicateTable, match='relation "source" already exists'):
        engine.create("public.source", "select id from public.source")


def test_missing_schema_is_refused(engine: Any) -> None:
    with pytest.raises(psycopg.errors.InvalidSchemaName, match='schema "nowhere" does not exist'):
        engine.create("nowhere.t", "select id from public.source")


@pytest.mark.parametrize("argument", ["name", "query", "refresh_mode", "initialize"])
def test_null_is_refused_but_for_the_schedule(engine: Any, argument: str) -> None:
    values: dict[str, Any] = {"name": "public.t", "query": "select id from public.source", argument: None}
    call = ", ".join(f"{key} => %({key})s" for key in values)
    with pytest.raises(psycopg.errors.InternalError_, match=r"argument \d must not be null"):
        engine.main.execute(f"select pgstream.create_stream_table({call})", values)


@pytest.mark.pg_stream_only(DIFFERS)
def test_dependency_on_a_table_is_recorded(engine: Any) -> None:
    engine.create("public.t", "select id from public.source")
    assert engine.one(
        "select source_relid = 'source'::regclass, source_type, columns_used, cdc_mode, slot_name, "
        "column_snapshot -> 1 ->> 'name', length(schema_fingerprint) from pgstream.pgs_dependencies"
    ) == (True, "TABLE", ["g", "id", "v"], "TRIGGER", None, "g", 64)


def test_dependency_on_a_stream_table_is_recorded(engine: Any) -> None:
    engine.create("public.below", "select id from public.source")
    engine.create("public.above", "select count(id) as n from public.below")
    assert engine.rows(
        "select source_type, column_snapshot from pgstream.pgs_dependencies "
        "where source_relid = 'below'::regclass"
    ) == [("STREAM_TABLE", None)]


@pytest.mark.pg_stream_only(DIFFERS)
def test_functions_used_are_recorded(engine: Any) -> None:
    engine.create("public.t", "select upper(g) as u, id from public.source")
    engine.create("public.a", "select g, sum(v) as s, count(*) as n from public.source group by g")
    assert engine.catalog("public.t")["functions_used"] == ["upper"]
    assert engine.catalog("public.a")["functions_used"] == ["count", "sum"]


def test_query_is_kept_as_it_was_written(engine: Any) -> None:
    query = "select  id,\n  v from public.source -- all\n where g = 'it''s'"
    engine.create("public.t", query)
    found = engine.catalog("public.t")
    assert (found["defining_query"], found["original_query"]) == (query, None)


@pytest.mark.pg_stream_only(DIFFERS)
def test_creation_leaves_no_history_and_no_notification(engine: Any) -> None:
    engine.run("listen pg_stream_alert")
    engine.create("public.t", "select id from public.source", "1h")
    assert engine.history("public.t") == []
    assert list(engine.main.notifies(timeout=0.1)) == []
