"""Queries that are refused, with code and words."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "it takes and refuses other queries, with SQLSTATEs of their own"

UNSUPPORTED = "unsupported operator for DIFFERENTIAL mode: "
LIMIT = (
    UNSUPPORTED + "LIMIT is not supported in defining queries. Stream tables materialize the full result set."
)
OFFSET = (
    UNSUPPORTED
    + "OFFSET is not supported in defining queries. Stream tables materialize the full result set."
)
ARRAY = UNSUPPORTED + "Expression type T_A_ArrayExpr is not supported in defining queries"
VOLATILE = (
    UNSUPPORTED
    + "Defining query contains volatile expressions (e.g., random(), clock_timestamp(), or custom volatile "
    "operators). Volatile functions and operators are not supported in DIFFERENTIAL mode because they "
    "produce different "
    "values on each evaluation, breaking delta computation. Use FULL refresh mode instead, or replace with a "
    "deterministic alternative."
)
NO_TABLES = "query parse error: Defining query references no tables"
NOT_FOUND = "SPI error: SpiTupleTable positioned before the start or after the end"
MODES = ("DIFFERENTIAL", "FULL")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("select g from public.source limit 1", "XX000", LIMIT),
        ("select g from public.source offset 1", "XX000", OFFSET),
        ("select x from generate_series(1, 3) x", "XX000", NO_TABLES),
        ("select g from public.missing", "XX000", NOT_FOUND),
        ("select g from missing.source", "XX000", NOT_FOUND),
        ("select missing from public.source", "42703", 'column "missing" does not exist'),
        ("select id from public.source;", "42601", 'syntax error at or near ";"'),
        ("select id from public.source -- all", "42601", "syntax error at end of input"),
        ("select 1; select 2", "42601", 'syntax error at or near ";"'),
        ("insert into public.source values (9)", "42601", 'syntax error at or near "into"'),
        ("", "42601", 'syntax error at or near ")"'),
        ("select g, g from public.source", "42701", 'column "g" specified more than once'),
        (
            "select id as __pgs_row_id from public.source",
            "42701",
            'column "__pgs_row_id" specified more than once',
        ),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_query_is_refused_in_both_modes(engine: Any, mode: str, query: str, code: str, text: str) -> None:
    with engine.refuses(text, code):
        engine.create("public.t", query, refresh_mode=mode)
    assert engine.rows("select from pgstream.pgs_stream_tables") == []
    assert engine.one("select to_regclass('public.t') is null")


@pytest.mark.parametrize("query", ["select 1 as x", "values (1)"])
def test_query_without_from_is_refused(engine: Any, query: str) -> None:
    with pytest.raises(Exception, match=r"^query parse error: Defining query must have a FROM clause"):
        engine.create("public.t", query)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("select id, random() as r from public.source", VOLATILE),
        ("select id, clock_timestamp() as r from public.source", VOLATILE),
        ("select * from (select g from public.source order by g limit 1) x", LIMIT),
        (
            "select g from public.source where g like 'a%'",
            UNSUPPORTED + "A_Expr kind 7 is not supported in defining queries",
        ),
        (
            "select g from public.source where g not like 'a%'",
            UNSUPPORTED + "A_Expr kind 7 is not supported in defining queries",
        ),
        (
            "select g from public.source where g ilike 'a%'",
            UNSUPPORTED + "A_Expr kind 8 is not supported in defining queries",
        ),
        (
            "select nullif(g, 'a') as n from public.source",
            UNSUPPORTED + "A_Expr kind 5 is not supported in defining queries",
        ),
        ("select g from public.source where id = any(array[1, 2])", ARRAY),
        ("select array[g] as a from public.source", ARRAY),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_query_is_refused_in_differential_mode_only(engine: Any, query: str, text: str) -> None:
    with engine.refuses(text):
        engine.create("public.t", query)
    engine.create("public.t", query, refresh_mode="FULL")


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("select g, count(*) as n from public.source group by 1", "1"),
        ("select g as h, count(*) as n from public.source group by g", "g"),
        ("select count(*) as n from public.source group by g", "g"),
        ("select upper(g) as u, count(*) as n from public.source group by upper(g)", "upper(g)"),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_group_by_what_is_no_output_column_is_refused(engine: Any, query: str, column: str) -> None:
    with engine.refuses(f'column "{column}" does not exist', "42703"):
        engine.create("public.t", query)
    with engine.refuses(None, "42703"):
        engine.create("public.t", query, refresh_mode="FULL")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.pg_stream_only(DIFFERS)
def test_tablesample_is_refused(engine: Any, mode: str) -> None:
    with pytest.raises(Exception, match="TABLESAMPLE is not supported in defining queries"):
        engine.create("public.t", "select id from public.source tablesample system (50)", refresh_mode=mode)


def test_materialized_view_is_a_source_in_full_mode_only(engine: Any) -> None:
    engine.run("create materialized view mv as select id from source")
    with pytest.raises(
        Exception, match=r"Materialized view 'public\.mv' cannot be used as a source in DIFFERENTIAL mode"
    ):
        engine.create("public.t", "select id from public.mv")
    engine.create("public.t", "select id from public.mv", refresh_mode="FULL")
    assert engine.difference("public.t", "select id from source") == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_foreign_table_is_a_source_in_full_mode_only(engine: Any) -> None:
    engine.run(
        "create extension if not exists file_fdw",
        "create server files foreign data wrapper file_fdw",
        "create foreign table far (id int) server files options (filename '/dev/null')",
    )
    try:
        with pytest.raises(
            Exception, match=r"Foreign table 'public\.far' cannot be used as a source in DIFFERENTIAL mode"
        ):
            engine.create("public.t", "select id from public.far")
        engine.create("public.t", "select id from public.far", refresh_mode="FULL")
    finally:
        engine.run("drop extension file_fdw cascade")


@pytest.mark.parametrize(
    ("function", "warned"),
    [("now()", True), ("statement_timestamp()", True), ("current_timestamp", False), ("current_date", False)],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_stable_function_is_a_warning_but_not_sqls_own_word_for_it(
    engine: Any, function: str, warned: bool
) -> None:
    said = engine.create("public.t", f"select id, {function} as f from public.source")
    assert any(message.startswith("Defining query contains stable functions") for message in said) is warned


@pytest.mark.pg_stream_only(DIFFERS)
def test_table_outside_public_must_be_qualified(engine: Any) -> None:
    engine.run("create schema other", "create table other.far (id int)", "set search_path = other, public")
    with engine.refuses(NOT_FOUND):
        engine.run("select pgstream.create_stream_table('other.t', 'select id from far', null)")
    engine.run("select pgstream.create_stream_table('other.t', 'select id from other.far', null)")
    engine.run("select pgstream.create_stream_table('other.u', 'select id from source', null)")


def test_unqualified_name_is_looked_up_by_each_refresher(engine: Any) -> None:
    engine.create("public.t", "select id from source", refresh_mode="FULL")
    engine.run("create schema other", "set search_path = other")
    with engine.refuses('relation "source" does not exist', "42P01"):
        engine.run("select pgstream.refresh_stream_table('public.t')")
