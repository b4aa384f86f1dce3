"""Every error that a user can meet, provoked from the engine, read as a user reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    ConnectionFailed,
    EngineNotInstalled,
    InvalidStreamTable,
    StreamTableExists,
    StreamTableFailed,
    StreamTableNotFound,
    UnsupportedQuery,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import ENGINE, IS_FIRST, connect
from tests.fixtures.orders import NAME, QUERY
from tests.hooks.raising import raised

SECRET = "open-sesame-4711"


UNREACHABLE = (
    (
        {"port": 1},
        ("database 'postgres' at 127.0.0.1:1 (connection 'odd')", "check the connection's host and port"),
    ),
    ({"schema": "no_such_db"}, ("no_such_db", "schema field")),
    ({"login": "no_such_role"}, ("no_such_role", "login field")),
    ({"extra": json.dumps({"sslmode": "sometimes"})}, ("sslmode",)),
)


def test_connection_that_fails_is_named_with_what_to_do(connect_as: Any) -> None:
    for fields, said in UNREACHABLE:
        error, _ = raised(connect_as(**fields).list)
        assert isinstance(error, ConnectionFailed)
        assert all(words in str(error) for words in said), error


def test_password_is_in_no_message_and_no_traceback(
    connect_as: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for fields in ({"port": 1}, {"extra": json.dumps({"sslmode": SECRET})}, {"schema": "no_such_db"}):
        hook = connect_as(password=SECRET, **fields)
        error, trace = raised(hook.list)
        assert isinstance(error, ConnectionFailed)
        assert SECRET not in trace
        assert SECRET not in repr(hook.target)
        assert hook.test_connection()[0] is False
        assert SECRET not in hook.test_connection()[1]
    captured = capsys.readouterr()
    assert SECRET not in caplog.text + captured.out + captured.err


def test_airflow_only_extras_are_ignored_and_libpq_ones_are_kept(orders: Any, connect_as: Any) -> None:
    extra = {"cursor": "dictcursor", "engine": ENGINE.extension, "iam": False, "application_name": "nightly"}
    hook = connect_as(extra=json.dumps(extra))
    assert hook.list() == ()
    assert hook.target.arguments["application_name"] == "nightly"
    assert "cursor" not in hook.target.arguments


def test_database_without_the_extension_is_named(orders: Any, connect_as: Any) -> None:
    orders.sql("drop database if exists pgstream_bare with (force)")
    orders.sql("create database pgstream_bare")
    try:
        hook = connect_as(schema="pgstream_bare")
        for call in (hook.list, hook.status, hook.diagnose, lambda: hook.refresh("public.t")):
            error, _ = raised(call)
            assert isinstance(error, EngineNotInstalled)
            assert "pg_stream is not installed in database 'pgstream_bare' at 127.0.0.1:" in str(error)
            assert "(connection 'odd'): run CREATE EXTENSION pg_stream there" in str(error)
    finally:
        orders.sql("drop database pgstream_bare with (force)")


def test_missing_table_is_named_by_every_call(hook: PgStreamHook) -> None:
    for call in ("get", "refresh", "verify", "pause", "resume", "explain", "history"):
        error, _ = raised(getattr(hook, call), "public.nothing")
        assert isinstance(error, StreamTableNotFound), call
        assert "stream table public.nothing does not exist: create it first" in str(error)


def test_invalid_schedule_is_refused_with_what_is_expected(orders: Any, hook: PgStreamHook) -> None:
    for schedule in ("bogus", "* * * *", "5x", ""):
        error, _ = raised(hook.create, NAME, QUERY, schedule=schedule)
        assert isinstance(error, InvalidStreamTable), error
        assert NAME in str(error)
        assert "'5m'" in str(error)
    assert hook.list() == ()


REFUSED = (
    ("select id from public.orders limit 1", "LIMIT"),
    ("select 1 as one", "FROM"),
    ("select customer_id, count(*) from public.orders group by 1", "column numbers"),
    ("update public.orders set id = 1", "SELECT"),
    ("select id from public.no_such_table", "exist"),
    ("select no_such_column from public.orders", "no_such_column"),
    ("select id from", "syntax error"),
)


def test_refused_query_is_explained_and_creates_nothing(orders: Any, hook: PgStreamHook) -> None:
    for query, said in REFUSED:
        if said == "column numbers" and not IS_FIRST:
            continue  # it takes them
        error, trace = raised(hook.create, NAME, query, schedule="1h")
        assert isinstance(error, UnsupportedQuery), error
        assert f"the query of stream table {NAME} is refused" in str(error)
        assert said in str(error)
        assert "psycopg" not in trace
    assert hook.list() == ()
    assert orders.sql(f"select to_regclass('{NAME}')") is None


def test_name_of_an_ordinary_table_is_refused(orders: Any, hook: PgStreamHook) -> None:
    error, _ = raised(hook.create, "public.orders", QUERY, schedule="1h")
    assert isinstance(error, StreamTableExists)
    assert "choose another name" in str(error)


def test_missing_schema_is_named(orders: Any, hook: PgStreamHook) -> None:
    error, _ = raised(hook.create, "nowhere.t", QUERY, schedule="1h")
    assert isinstance(error, InvalidStreamTable), error
    assert "nowhere" in str(error)
    assert "create the schema first" in str(error)


def test_words_are_checked_before_any_sql() -> None:
    hook = PgStreamHook(postgres_conn_id="no_such_connection")
    for wrong in ({"refresh_mode": "INCREMENTAL"}, {"status": "ASLEEP"}, {"if_exists": "maybe"}):
        error, _ = raised(hook.create, NAME, QUERY, **wrong)
        assert isinstance(error, InvalidStreamTable)
        assert next(iter(wrong.values())) in str(error)
    error, _ = raised(hook.create, NAME, " ; ")
    assert "the query is empty" in str(error)


def test_query_that_fails_at_refresh_is_told_with_its_cause(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, "select id, 10 / amount as share from public.orders", schedule="1h")
    orders.sql("insert into public.orders values (4, 4, 0)")
    error, trace = raised(hook.refresh, NAME)
    assert isinstance(error, StreamTableFailed)
    assert f"stream table {NAME}: its query fails: division by zero" in str(error)
    assert error.sqlstate == "22012"
    assert "MERGE" not in trace


def test_source_that_is_gone_is_told(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    orders.sql("drop table public.orders cascade")
    error, _ = raised(hook.refresh, NAME)
    assert isinstance(error, StreamTableFailed)
    assert NAME in str(error)


def test_source_that_was_recreated_is_told_instead_of_a_stale_table(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql("drop table public.orders cascade")
    orders.sql("create table public.orders (id int primary key, customer_id int, amount int)")
    for full in (False, True):
        error, _ = raised(hook.refresh, NAME, full=full)
        assert isinstance(error, StreamTableFailed)
        assert "dropped or recreated" in str(error)
        assert "drop the stream table and create it again" in str(error)


def test_backend_that_is_terminated_is_a_lost_connection(
    orders: Any, hook: PgStreamHook, in_thread: Any
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        refresh = in_thread(lambda: hook.refresh(NAME, lock_timeout=60))
        waiting = "select max(pid) from pg_locks where not granted and relation = 'public.orders'::regclass"
        while (pid := orders.sql(waiting)) is None:
            assert refresh.is_alive()
        orders.sql("select pg_terminate_backend(%s)", pid)
        with pytest.raises(ConnectionFailed, match="was lost while working on stream table"):
            refresh.result()
        writer.rollback()
    assert hook.refresh(NAME).outcome == "refreshed"
