"""Functions run as the caller."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "it needs other rights"

QUERY = "select id, v from public.source"
READ = (
    "grant usage on schema pgstream to analyst",
    "grant select on all tables in schema pgstream to analyst",
)


@pytest.fixture
def analyst(engine: Any) -> Any:
    """A session of a role that may log in and nothing else; a stream table is there."""
    engine.create("public.t", QUERY, "1h")
    engine.run("create role analyst", "grant usage on schema public to analyst")
    return engine.connect("analyst")


@pytest.mark.parametrize(
    "query",
    [
        "select * from pgstream.pgs_status()",
        "select * from pgstream.pgs_stream_tables",
        "select pgstream.get_staleness('t')",
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_reading_needs_a_grant(engine: Any, analyst: Any, query: str) -> None:
    with engine.refuses("permission denied for schema pgstream", "42501"):
        analyst.execute(query)


@pytest.mark.parametrize(
    "query",
    [
        "select * from pgstream.pgs_status()",
        "select * from pgstream.st_refresh_stats()",
        "select * from pgstream.stream_tables_info",
        "select * from pgstream.pg_stat_stream_tables",
        "select * from pgstream.check_cdc_health()",
        "select * from pgstream.explain_st('public.t')",
        "select pgstream.get_staleness('public.t')",
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_reading_needs_usage_and_select_only(engine: Any, analyst: Any, query: str) -> None:
    engine.run(*READ)
    assert len(analyst.execute(query).fetchall()) >= 1


@pytest.mark.parametrize(
    "call",
    [
        "refresh_stream_table('public.t')",
        "alter_stream_table('public.t', schedule => '5m')",
        "drop_stream_table('public.t')",
        "create_stream_table('public.u', 'select id from public.source')",
    ],
)
def test_changing_is_the_owners(engine: Any, analyst: Any, call: str) -> None:
    engine.run(*READ)
    with engine.refuses(None, "42501"):
        analyst.execute(f"select pgstream.{call}")
    assert engine.catalog("public.t")["schedule"] == "1h"


@pytest.mark.pg_stream_only(DIFFERS)
def test_writing_to_a_source_needs_the_buffer_too(engine: Any, analyst: Any) -> None:
    oid = engine.one("select 'source'::regclass::oid")
    engine.run("grant all on source to analyst")
    with engine.refuses(None, "42501"):
        analyst.execute("insert into source values (5, 'x', 5)")
    engine.run(
        "grant usage on schema pgstream, pgstream_changes to analyst",
        f"grant insert on pgstream_changes.changes_{oid} to analyst",
        f"grant usage on pgstream_changes.changes_{oid}_change_id_seq to analyst",
    )
    analyst.execute("insert into source values (5, 'x', 5)")


@pytest.mark.pg_stream_only(DIFFERS)
def test_changing_and_dropping_an_own_table_needs_rights_on_the_catalog(engine: Any, analyst: Any) -> None:
    engine.run("create schema own authorization analyst")
    analyst.execute("create table own.x (id int)")
    for statement in (
        "alter table own.x add column y int",
        "create view own.v as select 1 as x",
        "drop table own.x",
    ):
        with engine.refuses("permission denied for schema pgstream", "42501"):
            analyst.execute(statement)


def test_changing_and_dropping_an_own_table_needs_no_more_than_reading_the_catalog(
    engine: Any, analyst: Any
) -> None:
    engine.run("create schema own authorization analyst", *READ)
    analyst.execute("create table own.x (id int)")
    analyst.execute("alter table own.x add column y int")
    analyst.execute("drop table own.x")
