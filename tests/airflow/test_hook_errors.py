"""Every error that a user can meet, provoked from the engine, read as a user reads it."""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from airflow_provider_pgstream.exceptions import (
    ConnectionFailed,
    EngineNotInstalled,
    InsufficientPrivilege,
    InvalidStreamTable,
    PgStreamError,
    StreamTableExists,
    StreamTableFailed,
    StreamTableNotFound,
    UnsupportedQuery,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

NAME = "public.order_totals"
QUERY = "select customer_id, sum(amount) as total from public.orders group by customer_id"
SECRET = "open-sesame-4711"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


@pytest.fixture
def connect_as(pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a hook for a connection that differs from the test's in the fields given."""

    def make(**fields: Any) -> PgStreamHook:
        url = urlsplit(pgstream_dsn)
        connection = {
            "conn_type": "pgstream",
            "host": url.hostname,
            "port": url.port,
            "login": url.username,
            "schema": url.path.lstrip("/"),
        }
        monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({**connection, **fields}))
        return PgStreamHook(postgres_conn_id="odd")

    return make


def raised(call: Any, *args: Any, **kwargs: Any) -> tuple[PgStreamError, str]:
    with pytest.raises(PgStreamError) as info:
        call(*args, **kwargs)
    return info.value, "".join(traceback.format_exception(info.value))


def test_unreachable_server_is_named_with_its_connection(connect_as: Any) -> None:
    error, _ = raised(connect_as(port=1).list)
    assert isinstance(error, ConnectionFailed)
    assert "database 'postgres' at 127.0.0.1:1 (connection 'odd')" in str(error)
    assert "check the connection's host and port" in str(error)


def test_wrong_database_is_named(connect_as: Any) -> None:
    error, _ = raised(connect_as(schema="no_such_db").list)
    assert isinstance(error, ConnectionFailed)
    assert "no_such_db" in str(error)
    assert "schema field" in str(error)


def test_wrong_role_is_named(connect_as: Any) -> None:
    error, _ = raised(connect_as(login="no_such_role").list)
    assert isinstance(error, ConnectionFailed)
    assert "no_such_role" in str(error)


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


def test_unknown_sslmode_is_a_sentence(connect_as: Any) -> None:
    error, _ = raised(connect_as(extra=json.dumps({"sslmode": "sometimes"})).list)
    assert isinstance(error, ConnectionFailed)
    assert "sslmode" in str(error)


def test_airflow_only_extras_are_ignored_and_libpq_ones_are_kept(orders: Any, connect_as: Any) -> None:
    extra = {"cursor": "dictcursor", "engine": "pg_stream", "iam": False, "application_name": "nightly"}
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


@pytest.mark.parametrize("call", ["get", "refresh", "verify", "pause", "resume", "explain", "history"])
def test_missing_table_is_named_by_every_call(orders: Any, hook: PgStreamHook, call: str) -> None:
    error, _ = raised(getattr(hook, call), "public.nothing")
    assert isinstance(error, StreamTableNotFound)
    assert "stream table public.nothing does not exist: create it first" in str(error)


@pytest.mark.parametrize("schedule", ["bogus", "* * * *", "5x", ""])
def test_invalid_schedule_is_refused_with_what_is_expected(
    orders: Any, hook: PgStreamHook, schedule: str
) -> None:
    error, _ = raised(hook.create, NAME, QUERY, schedule=schedule)
    assert isinstance(error, InvalidStreamTable), error
    assert NAME in str(error)
    assert "'5m'" in str(error)
    assert hook.list() == ()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select id from public.orders limit 1", "LIMIT"),
        ("select 1 as one", "FROM"),
        ("select customer_id, count(*) from public.orders group by 1", "column numbers"),
        ("update public.orders set id = 1", "one SELECT"),
        ("select id from public.no_such_table", "exist"),
        ("select no_such_column from public.orders", "no_such_column"),
        ("select id from", "syntax error"),
    ],
)
def test_refused_query_is_explained(orders: Any, hook: PgStreamHook, query: str, said: str) -> None:
    error, trace = raised(hook.create, NAME, query, schedule="1h")
    assert isinstance(error, UnsupportedQuery), error
    assert f"the query of stream table {NAME} is refused" in str(error)
    assert said in str(error)
    assert "psycopg" not in trace


def test_name_of_an_ordinary_table_is_refused(orders: Any, hook: PgStreamHook) -> None:
    error, _ = raised(hook.create, "public.orders", QUERY, schedule="1h")
    assert isinstance(error, StreamTableExists)
    assert "choose another name" in str(error)


def test_missing_schema_is_named(orders: Any, hook: PgStreamHook) -> None:
    error, _ = raised(hook.create, "nowhere.t", QUERY, schedule="1h")
    assert isinstance(error, InvalidStreamTable), error
    assert "nowhere" in str(error)
    assert "create the schema first" in str(error)


def test_cycle_free_words_and_modes_are_checked_before_any_sql(hook: PgStreamHook) -> None:
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


def test_source_that_was_made_anew_is_told_instead_of_a_stale_table(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql("drop table public.orders cascade")
    orders.sql("create table public.orders (id int primary key, customer_id int, amount int)")
    for full in (False, True):
        error, _ = raised(hook.refresh, NAME, full=full)
        assert isinstance(error, StreamTableFailed)
        assert "dropped or made anew" in str(error)
        assert "drop the stream table and create it again" in str(error)


def test_backend_that_is_terminated_is_a_lost_connection(
    orders: Any, hook: PgStreamHook, in_thread: Any
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    with psycopg.connect(orders.connection.info.dsn) as writer:
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


GRANTS_TO_READ = (
    "grant usage on schema pgstream to {role}",
    "grant select on all tables in schema pgstream to {role}",
)
GRANTS_TO_REFRESH = (
    "grant usage on schema pgstream to {role}",
    "grant select, insert, update, delete on all tables in schema pgstream to {role}",
    "grant usage on schema pgstream_changes to {role}",
    "grant select, delete on all tables in schema pgstream_changes to {role}",
    "grant select, maintain on table public.orders to {role}",
    "grant select, insert, update, delete, truncate on table public.order_totals to {role}",
)


@pytest.fixture
def role(orders: Any) -> Any:
    orders.sql("create role tester login")
    yield "tester"
    orders.sql("drop owned by tester cascade")
    orders.sql("drop role tester")


def test_role_with_nothing_is_told_the_grant(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    error, _ = raised(connect_as(login=role).get, NAME)
    assert isinstance(error, InsufficientPrivilege)
    assert 'grant usage on schema pgstream to "tester"' in str(error)


def test_role_that_may_read_reads_and_is_told_what_a_refresh_needs(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    for grant in GRANTS_TO_READ:
        orders.sql(grant.format(role=role))
    reader = connect_as(login=role)
    assert reader.get(NAME).is_populated
    assert reader.cdc_health()[0].problem is None
    assert reader.staleness(NAME) is not None
    error, _ = raised(reader.refresh, NAME)
    assert isinstance(error, InsufficientPrivilege)
    assert 'grant maintain on table public.orders to "tester"' in str(error)
    error, _ = raised(reader.drop, NAME)
    assert isinstance(error, InsufficientPrivilege)


def test_grants_of_the_page_are_enough_to_refresh_verify_and_trim(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    for grant in GRANTS_TO_REFRESH:
        orders.sql(grant.format(role=role))
    worker = connect_as(login=role)
    worker.refresh(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert worker.refresh(NAME).action == "DIFFERENTIAL"
    assert worker.refresh(NAME, full=True).action == "FULL"
    assert worker.verify(NAME).equal
    worker.trim()
    assert worker.pause(NAME).outcome == "altered"
    error, _ = raised(worker.drop, NAME)
    assert "run it as the owner" in str(error)


def test_grants_of_the_page_are_enough_to_create(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    for grant in (
        *GRANTS_TO_REFRESH[:4],
        "grant usage, create on schema public, pgstream_changes to {role}",
        "grant usage on all sequences in schema pgstream to {role}",
        "grant select, trigger, maintain on table public.orders to {role}",
    ):
        orders.sql(grant.format(role=role))
    creator = connect_as(login=role)
    assert creator.create(NAME, QUERY, schedule="1h").outcome == "created"
    assert creator.refresh(NAME).outcome == "refreshed"
    assert orders.sql("select count(*) from public.order_totals") == 2
    assert hook.drop(NAME).outcome == "dropped"
