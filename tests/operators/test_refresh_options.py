"""The refresh operator's options: each by its effect in a database."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_pgstream.exceptions import (
    InvalidStreamTable,
    PgStreamError,
    SourceLocked,
    StreamTableFailed,
    StreamTableNotFound,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamDropOperator, PgStreamRefreshOperator
from tests.fixtures.engine import connect
from tests.triggers.firing import fired

TOTALS = "select customer_id, sum(amount) as total from public.orders group by customer_id"
NAME = "public.order_totals"
AN_HOUR_AGO = "update pgstream.pgs_stream_tables set data_timestamp = now() - interval '61 minutes'"
PAST = "select to_char(now() at time zone 'UTC' - interval '{}', '{}')"
GATE = (
    "create function public.gate(x int) returns int language plpgsql stable as"
    " $$ begin perform pg_advisory_xact_lock_shared(4242); return x; end $$"
)


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


def refresh(hook: PgStreamHook, **kwargs: Any) -> Any:
    """Run the operator, in any thread: Airflow 2.11 guards `execute` with something only the main one has."""
    operator = PgStreamRefreshOperator(task_id="refresh", postgres_conn_id=hook.get_conn_id(), **kwargs)
    return inspect.unwrap(type(operator).execute)(operator, {})


async def refresh_deferred(hook: PgStreamHook, **kwargs: Any) -> Any:
    """Run the operator in a trigger, and resume it."""
    operator = PgStreamRefreshOperator(
        task_id="refresh", postgres_conn_id=hook.get_conn_id(), deferrable=True, **kwargs
    )
    with pytest.raises(TaskDeferred) as deferred:
        inspect.unwrap(type(operator).execute)(operator, {})
    return operator.execute_complete({}, await fired(deferred.value.trigger))


def outcomes(results: Any) -> dict[str, str]:
    return {name: result["outcome"] for name, result in results.items()}


def count(orders: Any, name: str = NAME) -> int:
    return int(orders.sql(f"select count(*) from {name}"))


# ---- which


@pytest.fixture
def marts(orders: Any, hook: PgStreamHook) -> Any:
    """Stream tables in two schemas, each behind a new order."""
    orders.sql("create schema mart; create schema martial")
    for name in ("mart.a_daily", "mart.b_hourly", "martial.c_daily"):
        hook.create(name, TOTALS, schedule=None)
    orders.sql("insert into public.orders values (3, 3, 30)")
    return orders


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ({"schema": "mart"}, ["mart.a_daily", "mart.b_hourly"]),
        ({"schema": "{{ 'mart' }}"}, ["mart.a_daily", "mart.b_hourly"]),
        ({"pattern": "*_daily"}, ["mart.a_daily", "martial.c_daily"]),
        ({"pattern": "mart.*"}, ["mart.a_daily", "mart.b_hourly"]),
    ],
)
def test_tables_of_a_schema_or_a_pattern(
    marts: Any, hook: PgStreamHook, which: dict[str, str], names: list[str]
) -> None:
    operator = PgStreamRefreshOperator(task_id="refresh", postgres_conn_id=hook.get_conn_id(), **which)
    operator.render_template_fields({})
    assert sorted(inspect.unwrap(type(operator).execute)(operator, {})) == names
    for name in ("mart.a_daily", "mart.b_hourly", "martial.c_daily"):
        assert count(marts, name) == (3 if name in names else 2)


async def test_tables_of_a_schema_in_the_triggerer(marts: Any, hook: PgStreamHook) -> None:
    assert sorted(await refresh_deferred(hook, schema="mart")) == ["mart.a_daily", "mart.b_hourly"]
    assert count(marts, "mart.b_hourly") == 3


def test_nothing_that_matches_is_an_error_that_names_the_database(marts: Any, hook: PgStreamHook) -> None:
    with pytest.raises(StreamTableNotFound, match=r"database 'postgres'.*pattern='nothing\*'"):
        refresh(hook, pattern="nothing*")


@pytest.mark.parametrize("which", [{}, {"stream_table": NAME, "schema": "mart"}])
def test_which_tables_is_said_in_one_way(which: dict[str, str]) -> None:
    with pytest.raises(InvalidStreamTable, match="one of stream_table, schema and pattern"):
        PgStreamRefreshOperator(task_id="refresh", **which)


# ---- locks and limits


@pytest.fixture
def writer(orders: Any, hook: PgStreamHook) -> Iterator[psycopg.Connection[Any]]:
    """An open transaction that has written the orders, on which order_totals lives; another is free."""
    orders.sql("create table public.free (id int primary key)")
    hook.create(NAME, TOTALS, schedule=None)
    hook.create("public.free_ids", "select id from public.free", schedule=None)
    orders.sql("insert into public.free values (1)")
    with connect(orders.connection.info.dsn) as connection:
        connection.execute("insert into public.orders values (3, 3, 30)")
        yield connection


@pytest.mark.parametrize("consistent", [False, True])
def test_locked_table_fails_or_is_skipped_and_the_writer_goes_on(
    writer: Any, orders: Any, hook: PgStreamHook, consistent: bool
) -> None:
    options = {"stream_table": [NAME], "lock_timeout": 0.2, "consistent": consistent}
    with pytest.raises(SourceLocked, match=r"public\.orders.*insert into public\.orders"):
        refresh(hook, **options)
    skipped = refresh(hook, **options, on_locked="skip")[NAME]
    assert skipped["outcome"] == "skipped"
    assert "the lock on public.orders did not come in time" in skipped["reason"]
    writer.commit()
    assert outcomes(refresh(hook, **options)) == {NAME: "refreshed"}
    assert count(orders) == 3


def test_locked_table_does_not_keep_the_others(writer: Any, orders: Any, hook: PgStreamHook) -> None:
    results = refresh(hook, stream_table=[NAME, "public.free_ids"], lock_timeout=0.2, on_locked="skip")
    assert outcomes(results) == {NAME: "skipped", "public.free_ids": "refreshed"}
    assert count(orders, "public.free_ids") == 1


@pytest.fixture
def gated(orders: Any, hook: PgStreamHook) -> list[str]:
    """Two stream tables whose refreshes wait for as long as a test holds a lock."""
    orders.sql(GATE)
    names = ["public.slow_1", "public.slow_2"]
    for name in names:
        hook.create(
            name, "select id, public.gate(amount) as n from public.orders", schedule=None, refresh_mode="FULL"
        )
    orders.sql("insert into public.orders values (3, 3, 30)")
    return names


@pytest.mark.parametrize("consistent", [False, True])
def test_refresh_that_takes_too_long_is_ended(
    orders: Any, hook: PgStreamHook, gated: list[str], consistent: bool
) -> None:
    orders.sql("select pg_advisory_lock(4242)")
    with pytest.raises(StreamTableFailed, match="statement timeout"):
        refresh(hook, stream_table=gated[:1], statement_timeout=0.2, consistent=consistent)
    orders.sql("select pg_advisory_unlock(4242)")
    assert count(orders, gated[0]) == 2
    refresh(hook, stream_table=gated[:1], statement_timeout=60, consistent=consistent)
    assert count(orders, gated[0]) == 3


@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_than_max_parallel_are_refreshed_at_once(
    orders: Any,
    hook: PgStreamHook,
    gated: list[str],
    in_thread: Callable[..., Any],
    limit: int,
    consistent: bool,
) -> None:
    refreshing = (
        "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = 4242"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    orders.sql("select pg_advisory_lock(4242)")
    work = in_thread(lambda: refresh(hook, stream_table=gated, max_parallel=limit, consistent=consistent))
    while orders.sql(refreshing) < limit:
        assert work.is_alive()
    begun = orders.sql(
        "select count(*) from pg_stat_activity where state = 'active' and query ~ 'refresh_stream_table'"
        " and pid <> pg_backend_pid()"
    )
    orders.sql("select pg_advisory_unlock(4242)")
    assert set(outcomes(work.result()).values()) == {"refreshed"}
    assert begun == limit
    assert [count(orders, name) for name in gated] == [3, 3]


def test_tables_that_read_each_other_are_never_refreshed_at_once(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, TOTALS, schedule=None)
    hook.create("public.top", f"select customer_id, total from {NAME}", schedule=None)
    for number in range(3, 8):
        orders.sql("insert into public.orders values (%s, %s, 1)", number, number)
        refresh(hook, stream_table=["public.top", NAME], max_parallel=4)
        assert count(orders, "public.top") == number


# ---- dry run


def test_dry_run_tells_the_order_and_changes_nothing(
    orders: Any, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    hook.create(NAME, TOTALS, schedule=None)
    hook.create("public.top", f"select customer_id, total from {NAME}", schedule=None)
    hook.create("public.paused", TOTALS, schedule=None, status="PAUSED")
    orders.sql("insert into public.orders values (3, 3, 30)")
    catalog = "select md5(string_agg(st::text, '' order by pgs_id)) from pgstream.pgs_stream_tables st"
    before = orders.sql(catalog)
    options: dict[str, Any] = {"include_upstream": True, "on_suspended": "skip"}
    results = refresh(hook, stream_table=["public.top", "public.paused"], dry_run=True, **options)
    assert orders.sql(catalog) == before
    assert count(orders) == 2
    assert outcomes(results) == {"public.paused": "skipped", NAME: "planned", "public.top": "planned"}
    assert list(results).index(NAME) < list(results).index("public.top")
    assert "number 3 of 3" in results["public.top"]["reason"]
    assert "stream table public.top planned" in told()
    assert outcomes(refresh(hook, stream_table=["public.top", "public.paused"], **options)) == {
        "public.paused": "skipped",
        NAME: "refreshed",
        "public.top": "refreshed",
    }


def test_dry_run_fails_as_the_refresh_would(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, TOTALS, schedule=None, status="PAUSED")
    with pytest.raises(StreamTableSuspended):
        refresh(hook, stream_table=NAME, dry_run=True)
    with pytest.raises(StreamTableNotFound):
        refresh(hook, stream_table=["public.nowhere", NAME], dry_run=True, on_suspended="skip")


def test_dry_run_of_airflow_itself_still_works(orders: Any) -> None:
    PgStreamRefreshOperator(task_id="refresh", stream_table=NAME, dry_run=True).dry_run()


# ---- when


@pytest.fixture
def unserved(unserved_conn_id: str) -> PgStreamHook:
    """No scheduler comes first where none serves."""
    return PgStreamHook(postgres_conn_id=unserved_conn_id)


def test_due_by_a_duration(unserved_orders: Any, unserved: PgStreamHook) -> None:
    unserved.create(NAME, TOTALS, schedule="1h")
    unserved.create("public.later", TOTALS, schedule="2h", initialize=False)
    unserved_orders.sql("insert into public.orders values (3, 3, 30)")
    names = [NAME, "public.later"]
    first = refresh(unserved, stream_table=names, when="due")
    assert outcomes(first) == {NAME: "skipped", "public.later": "refreshed"}
    assert "it is due at" in first[NAME]["reason"]
    unserved_orders.sql(
        "update pgstream.pgs_stream_tables set data_timestamp = now() - interval '61 minutes'"
    )
    assert outcomes(refresh(unserved, stream_table=names, when="due")) == {
        NAME: "refreshed",
        "public.later": "skipped",
    }
    assert count(unserved_orders) == 3


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/St_Johns"])
def test_due_by_a_cron_expression_in_utc_whatever_the_sessions_time_zone(
    unserved_orders: Any, unserved_conn_id: str, zone: str
) -> None:
    hook = PgStreamHook(postgres_conn_id=unserved_conn_id, options=f"-c timezone={zone}")
    hook.create(NAME, TOTALS, schedule="1h")
    set_to = (
        "update pgstream.pgs_stream_tables set schedule = %s, data_timestamp = now() - interval '30 minutes'"
    )
    hour = unserved_orders.sql(
        "select extract(hour from now() at time zone 'UTC' - interval '90 minutes')::int"
    )
    parameters = {"postgres_conn_id": unserved_conn_id, "hook_params": {"options": f"-c timezone={zone}"}}

    def due() -> Any:
        operator = PgStreamRefreshOperator(task_id="r", stream_table=NAME, when="due", **parameters)
        return inspect.unwrap(type(operator).execute)(operator, {})[NAME]

    unserved_orders.sql(set_to, f"0 {hour} * * *")
    skipped = due()
    assert skipped["outcome"] == "skipped"
    assert f"T{hour:02}:00:00+00:00" in skipped["reason"]
    minute = unserved_orders.sql(
        "select to_char(now() at time zone 'UTC' - interval '10 minutes', 'MI HH24')"
    )
    unserved_orders.sql(set_to, f"{minute} * * *")
    assert due()["outcome"] == "refreshed"


def test_table_without_a_schedule_is_due_when_one_that_reads_it_is(
    unserved_orders: Any, unserved: PgStreamHook
) -> None:
    unserved.create(NAME, TOTALS, schedule=None)
    unserved.create("public.alone", TOTALS, schedule=None)
    unserved.create("public.top", f"select customer_id, total from {NAME}", schedule="1h")
    unserved_orders.sql("insert into public.orders values (3, 3, 30)")
    assert set(outcomes(refresh(unserved, pattern="*", when="due")).values()) == {"skipped"}
    unserved_orders.sql(
        "update pgstream.pgs_stream_tables set data_timestamp = now() - interval '61 minutes'"
    )
    results = refresh(unserved, pattern="*", when="due")
    assert outcomes(results) == {"public.alone": "skipped", NAME: "refreshed", "public.top": "refreshed"}
    assert results["public.alone"]["reason"] == "it has no schedule that could be due"
    assert count(unserved_orders, "public.top") == 3


def test_unattended_takes_a_table_in_error(unserved_orders: Any, unserved: PgStreamHook) -> None:
    unserved.create(NAME, TOTALS, schedule="1h")
    unserved_orders.sql("update pgstream.pgs_stream_tables set status = 'ERROR', consecutive_errors = 3")
    unserved_orders.sql("insert into public.orders values (3, 3, 30)")
    assert outcomes(refresh(unserved, stream_table=NAME, when="unattended")) == {NAME: "refreshed"}
    assert count(unserved_orders) == 3
    assert unserved.get(NAME).status == "ACTIVE"


def test_unattended_fails_for_a_table_in_error_whose_source_is_gone(
    unserved_orders: Any, unserved: PgStreamHook
) -> None:
    unserved.create(NAME, TOTALS, schedule="1h")
    unserved_orders.sql("drop table public.orders cascade")
    with pytest.raises(
        StreamTableFailed, match=r"order_totals reads a table that was dropped.*create it again"
    ):
        refresh(unserved, stream_table=NAME, when="unattended")


# ---- options as text


@pytest.mark.parametrize(("said", "action"), [("False", "DIFFERENTIAL"), ("true", "FULL")])
def test_boolean_that_is_a_template_is_what_it_says(
    orders: Any, hook: PgStreamHook, run_dag: Callable[..., Any], said: str, action: str
) -> None:
    hook.create(NAME, TOTALS, schedule=None)
    hook.refresh(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with DAG(f"templated_{said}", schedule=None, start_date=start, params={"full": said}) as dag:
        PgStreamRefreshOperator(
            task_id="refresh",
            stream_table=NAME,
            postgres_conn_id=hook.get_conn_id(),
            full="{{ params.full }}",
            lock_timeout="{{ 5 }}",
            max_parallel="{{ None }}",
            on_suspended="{{ 'skip' }}",
            dry_run="{{ 'false' }}",
        )
    run = run_dag(dag)
    assert run.state == "success"
    (task,) = run.get_task_instances()
    result = task.xcom_pull(task_ids="refresh")[NAME]
    assert (result["outcome"], result["action"]) == ("refreshed", action)


@pytest.mark.parametrize(
    "options",
    [
        {"full": "yes"},
        {"full": 1},
        {"deferrable": "maybe"},
        {"lock_timeout": "soon"},
        {"lock_timeout": -1},
        {"max_parallel": 0},
        {"statement_timeout": 0},
        {"when": "sometimes"},
        {"on_locked": "wait"},
        {"on_error": "ignore"},
        {"consistent": True, "lock_sources": False},
        {"consistent": True, "when": "due"},
    ],
    ids=str,
)
def test_option_that_cannot_be_is_refused_while_the_dag_is_parsed(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidStreamTable, match=next(iter(options))):
        PgStreamRefreshOperator(task_id="refresh", stream_table=NAME, **options)


def test_template_that_renders_to_no_boolean_fails_before_anything_is_done(
    orders: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, TOTALS, schedule=None)
    operator = PgStreamRefreshOperator(
        task_id="refresh", stream_table=NAME, postgres_conn_id=hook.get_conn_id(), full="{{ 'perhaps' }}"
    )
    operator.render_template_fields({})
    with pytest.raises(InvalidStreamTable, match="full='perhaps' must be True or False"):
        inspect.unwrap(type(operator).execute)(operator, {})


def test_cascade_said_as_text_is_what_it_says(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, TOTALS, schedule=None)
    hook.create("public.top", f"select customer_id, total from {NAME}", schedule=None)

    def drop(cascade: Any) -> Any:
        operator = PgStreamDropOperator(
            task_id="drop", stream_table=NAME, cascade=cascade, postgres_conn_id=hook.get_conn_id()
        )
        operator.render_template_fields({})
        return inspect.unwrap(type(operator).execute)(operator, {})

    with pytest.raises(PgStreamError, match=r"is read by stream table public\.top"):
        drop("{{ 'False' }}")
    assert len(hook.list()) == 2
    with pytest.raises(InvalidStreamTable, match="cascade='no'"):
        drop("no")
    drop("{{ 'true' }}")
    assert hook.list() == ()
