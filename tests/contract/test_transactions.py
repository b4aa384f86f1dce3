"""Everything is transactional."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "it leaves its guard function behind"

QUERY = "select id, v from public.source"


@pytest.mark.pg_stream_only(DIFFERS)
def test_rolled_back_creation_leaves_nothing(engine: Any) -> None:
    engine.run("begin")
    engine.run(f"select pgstream.create_stream_table('public.t', '{QUERY}', null)", "rollback")
    assert engine.one("select to_regclass('public.t') is null")
    assert engine.one("select count(*) from pgstream.pgs_stream_tables") == 0
    assert engine.one("select count(*) from pgstream.pgs_dependencies") == 0
    assert engine.one("select count(*) from pg_trigger where tgname like 'pg_stream_cdc%%'") == 0
    assert (
        engine.one("select count(*) from pg_class where relnamespace = 'pgstream_changes'::regnamespace") == 0
    )


def test_rolled_back_refresh_changes_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("insert into source values (5, 'x', 5)")
    before = engine.catalog("public.t")
    engine.run("begin", "select pgstream.refresh_stream_table('public.t')")
    assert engine.one("select count(*) from t") == 5
    engine.run("rollback")
    assert engine.one("select count(*) from t") == 4
    assert engine.catalog("public.t") == before


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_rolled_back_change_of_the_source_is_not_seen(engine: Any, mode: str) -> None:
    engine.create("public.t", QUERY, refresh_mode=mode)
    engine.refresh("public.t")
    engine.run("begin", "insert into source values (5, 'x', 5)", "rollback")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


def test_rolled_back_alter_changes_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("begin", "select pgstream.alter_stream_table('public.t', status => 'SUSPENDED')", "rollback")
    assert engine.catalog("public.t")["status"] == "ACTIVE"


def test_change_and_refresh_in_one_transaction(engine: Any) -> None:
    engine.create("public.t", QUERY, refresh_mode="FULL")
    engine.run(
        "begin",
        "insert into source values (5, 'x', 5)",
        "select pgstream.refresh_stream_table('public.t')",
        "commit",
    )
    assert engine.difference("public.t", QUERY) == {}


def test_safe_refresh_takes_in_what_committed_before(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("insert into source values (5, 'x', 5)")
    with engine.connect() as session, session.transaction():
        session.execute("lock table source in share mode")
        session.execute("select pgstream.refresh_stream_table('public.t')")
    assert engine.difference("public.t", QUERY) == {}


def test_comparing_in_a_rolled_back_repeatable_read_does_no_harm(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    comparing = engine.connect()
    comparing.execute("begin isolation level repeatable read")
    comparing.execute("select 1 from source")
    engine.run("insert into source values (5, 'x', 5)")
    comparing.execute("select pgstream.refresh_stream_table('public.t')")
    comparing.execute("rollback")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_change_after_a_savepoint_that_was_rolled_back_is_captured(engine: Any, mode: str) -> None:
    engine.create("public.t", QUERY, "1s", mode)
    engine.run(
        "begin",
        "savepoint first",
        "insert into source values (5, 'x', 5)",
        "rollback to first",
        "insert into source values (6, 'y', 6)",
        "commit",
    )
    engine.until("select max(id) = 6 and count(*) = 5 from t")
