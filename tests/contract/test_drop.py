"""Dropping: the stream table, its storage, its source."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "its drops need no live source, refuse dependents, and leave a buffer behind"

QUERY = "select id, v from public.source"
CAPTURE = """
    select (select count(*) from pg_trigger where tgname like 'pg_stream_cdc%%' and tgparentid = 0),
           (select count(*) from pg_class
            where relnamespace = 'pgstream_changes'::regnamespace and relkind = 'r'),
           (select count(*) from pgstream.pgs_change_tracking)
"""
NOTHING = (0, 0, 0)


@pytest.mark.pg_stream_only(DIFFERS)
def test_drop_leaves_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY)
    pgs_id = engine.catalog("public.t")["pgs_id"]
    assert engine.messages("select pgstream.drop_stream_table('public.t')") == [
        f"Stream table public.t dropped (pgs_id={pgs_id})"
    ]
    assert engine.catalog("public.t") == {}
    assert engine.one("select to_regclass('public.t') is null")
    assert engine.one("select count(*) from pgstream.pgs_dependencies") == 0
    assert engine.one(CAPTURE) == NOTHING


@pytest.mark.pg_stream_only(DIFFERS)
def test_drop_keeps_the_capture_that_another_table_needs(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.create("public.u", QUERY)
    engine.run("select pgstream.drop_stream_table('public.t')")
    assert engine.one(CAPTURE)[:2] == (2, 1)
    engine.refresh("public.u")
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.u")
    assert engine.difference("public.u", QUERY) == {}


def test_drop_takes_dependent_views_along(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("create view on_t as select id from t")
    engine.run("select pgstream.drop_stream_table('public.t')")
    assert engine.one("select to_regclass('on_t') is null")


@pytest.mark.pg_stream_only(DIFFERS)
def test_drop_leaves_dependent_stream_tables_active_until_they_fail(engine: Any) -> None:
    engine.create("public.below", QUERY)
    engine.create("public.above", "select count(id) as n from public.below")
    engine.run("select pgstream.drop_stream_table('public.below')")
    assert engine.catalog("public.above")["status"] == "ACTIVE"
    with engine.refuses('relation "public.below" does not exist', "42P01"):
        engine.refresh("public.above")


def test_dropping_the_storage_removes_the_catalog_row(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("drop table t")
    assert engine.catalog("public.t") == {}
    assert engine.one("select count(*) from pgstream.pgs_dependencies") == 0


@pytest.mark.pg_stream_only(DIFFERS)
def test_dropping_the_storage_leaks_the_capture(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("drop table t")
    assert engine.one(CAPTURE)[:2] == (2, 1)


def test_leaked_capture_serves_the_next_stream_table(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("drop table t")
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_dropping_the_source_sets_its_readers_to_error(engine: Any) -> None:
    engine.create("public.below", QUERY)
    engine.create("public.above", "select count(id) as n from public.below")
    engine.create("public.full", QUERY, refresh_mode="FULL")
    engine.run("drop table source")
    assert engine.rows("select pgs_name, status from pgstream.pgs_stream_tables order by 1") == [
        ("above", "ERROR"),
        ("below", "ERROR"),
        ("full", "ERROR"),
    ]


def test_dropped_source_stays_in_the_health_report_as_a_number(engine: Any) -> None:
    engine.create("public.t", QUERY)
    oid = engine.one("select 'source'::regclass::oid")
    engine.run("drop table source")
    assert engine.rows("select source_relid, source_table from pgstream.check_cdc_health()") == [
        (oid, str(oid))
    ]


@pytest.mark.pg_stream_only(DIFFERS)
def test_drop_fails_when_the_last_readers_source_is_gone(engine: Any) -> None:
    engine.create("public.t", QUERY)
    oid = engine.one("select 'source'::regclass::oid")
    engine.run("drop table source")
    with engine.refuses(f'syntax error at or near "{oid}"', "42601"):
        engine.run("select pgstream.drop_stream_table('public.t')")
    engine.run("drop table t cascade")
    assert engine.catalog("public.t") == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_recreated_source_is_not_followed_in_differential_mode(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run(
        "drop table source",
        "create table source (id int primary key, v numeric)",
        "insert into source values (9, 9)",
    )
    assert engine.refresh("public.t") == ["Stream table public.t refreshed (DIFFERENTIAL: +0 -0)"]
    assert engine.catalog("public.t")["status"] == "ACTIVE"
    assert engine.one("select count(*) from t") == 4
    assert engine.one("select source_relid <> 'source'::regclass from pgstream.pgs_dependencies")


@pytest.mark.pg_stream_only(DIFFERS)
def test_recreated_source_is_read_in_full_mode(engine: Any) -> None:
    engine.create("public.t", QUERY, refresh_mode="FULL")
    engine.run(
        "drop table source",
        "create table source (id int primary key, v numeric)",
        "insert into source values (9, 9)",
    )
    engine.refresh("public.t")
    assert engine.rows("select id from t") == [(9,)]


def test_dropping_a_schema_drops_its_stream_tables(engine: Any) -> None:
    engine.run("create schema other")
    engine.create("other.t", QUERY)
    engine.run("drop schema other cascade")
    assert engine.catalog("other.t") == {}


def test_dropping_an_unrelated_table_changes_nothing(engine: Any) -> None:
    engine.run("create table unrelated (id int)")
    engine.create("public.t", QUERY)
    engine.run("drop table unrelated")
    assert engine.catalog("public.t")["status"] == "ACTIVE"


def test_extension_can_be_dropped_and_created_again(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("drop extension pg_stream cascade")
    assert engine.one(
        "select to_regnamespace('pgstream') is null and to_regnamespace('pgstream_changes') is null"
    )
    engine.run("insert into source values (5, 'x', 5)", "drop table t", "create extension pg_stream")
    engine.create("public.t", QUERY)
    assert engine.one("select count(*) from t") == 5


@pytest.mark.parametrize("ending", ["rollback", "commit"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_drop_is_transactional(engine: Any, ending: str) -> None:
    engine.create("public.t", QUERY)
    engine.run("begin", "select pgstream.drop_stream_table('public.t')", ending)
    assert (engine.catalog("public.t") == {}) is (ending == "commit")
    assert (engine.one(CAPTURE) == NOTHING) is (ending == "commit")
