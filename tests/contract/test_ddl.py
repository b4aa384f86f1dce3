"""Changes of a source's columns, and of a view's query."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "DDL on a source is refused unless a superuser allows it, and followed then"

QUERY = "select id, v from public.source"


@pytest.mark.parametrize(
    "statement",
    [
        "alter table source add column extra int",
        "alter table source drop column g",
        "alter table source alter column g type varchar(20)",
    ],
)
@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_column_change_marks_the_readers(engine: Any, statement: str, mode: str) -> None:
    engine.create("public.t", QUERY, refresh_mode=mode)
    engine.create("public.above", "select count(id) as n from public.t")
    engine.run(statement)
    assert engine.catalog("public.t")["needs_reinit"]
    assert engine.catalog("public.above")["needs_reinit"]


@pytest.mark.parametrize(
    "statement",
    [
        "alter table source alter column v set statistics 50",
        "alter table source rename column v to w",
        "create index on source (v)",
        "alter table source set (fillfactor = 90)",
        "comment on table source is 'a source'",
        "create table unrelated (id int)",
    ],
)
def test_other_change_marks_nothing(engine: Any, statement: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(statement)
    assert not engine.catalog("public.t")["needs_reinit"]


@pytest.mark.pg_stream_only(DIFFERS)
def test_refresh_by_hand_clears_the_mark(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("alter table source add column extra int")
    assert engine.refresh("public.t") == ["Stream table public.t refreshed (DIFFERENTIAL: +0 -0)"]
    assert not engine.catalog("public.t")["needs_reinit"]


@pytest.mark.pg_stream_only(DIFFERS)
def test_scheduler_reinitializes(engine: Any) -> None:
    engine.create("public.t", QUERY, "1h")
    engine.run("alter table source add column extra int")
    engine.until("select not needs_reinit from pgstream.pgs_stream_tables where pgs_name = 't'")
    assert engine.history("public.t") == ["REINITIALIZE"]
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.parametrize("column", ["v", "g"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_renamed_column_makes_writes_fail_until_it_is_named_back(engine: Any, column: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(f"alter table source rename column {column} to renamed")
    for write in ("insert into source values (5)", "update source set id = id + 10", "delete from source"):
        with engine.refuses(None, "42703"):
            engine.run(write)
    engine.run(f"alter table source rename column renamed to {column}", "insert into source values (5)")


@pytest.mark.pg_stream_only(DIFFERS)
def test_error_of_a_write_after_a_rename_names_the_column(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("alter table source rename column v to w")
    with engine.refuses('record "new" has no field "v"', "42703"):
        engine.run("insert into source values (5)")


@pytest.mark.pg_stream_only(DIFFERS)
def test_new_column_does_no_harm_to_writes(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("alter table source add column extra int", "insert into source values (5, 'x', 5, 5)")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_dropped_column_makes_the_refresh_fail(engine: Any) -> None:
    engine.create("public.t", QUERY, refresh_mode="FULL")
    engine.run("alter table source drop column v")
    with engine.refuses('column "v" does not exist', "42703"):
        engine.refresh("public.t")


def test_changed_view_marks_its_readers(engine: Any) -> None:
    engine.run("create view seen as select id, v from source")
    engine.create("public.t", "select id, v from public.seen")
    engine.run("create or replace view seen as select id, v + 1 as v from source")
    assert engine.catalog("public.t")["needs_reinit"]


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
@pytest.mark.parametrize(
    "statement", ["alter table source add column extra int", "alter table source drop column g"]
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_column_change_is_refused_where_a_setting_forbids_it(engine: Any, statement: str, mode: str) -> None:
    engine.create("public.t", "select id, v from public.source", refresh_mode=mode)
    engine.run("set pg_stream.block_source_ddl = on")
    with engine.refuses(
        "pg_stream: ALTER TABLE on public.source blocked — column-affecting DDL is not allowed on source "
        "tables tracked by stream tables when pg_stream.block_source_ddl = true. "
        "Set pg_stream.block_source_ddl = false to allow schema changes (triggers reinitialization)."
    ):
        engine.run(statement)
    assert not engine.catalog("public.t")["needs_reinit"]
    engine.run("set pg_stream.block_source_ddl = off", statement)
    assert engine.catalog("public.t")["needs_reinit"]


def test_other_change_is_allowed_where_a_setting_forbids_column_changes(engine: Any) -> None:
    engine.create("public.t", "select id, v from public.source")
    engine.run(
        "set pg_stream.block_source_ddl = on",
        "create index on source (v)",
        "alter table source alter column v set default 3",
        "alter table source rename column g to h",
        "alter table source rename column h to g",
        "create table unread (id int)",
        "alter table unread add column extra int",
    )
    assert not engine.catalog("public.t")["needs_reinit"]
