"""A list of stream tables, one of which is lost, fails or is killed: what becomes of the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.exceptions import ConnectionFailed, PgStreamError, StreamTableFailed
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import (
    PgStreamAlterOperator,
    PgStreamDropOperator,
    PgStreamRefreshOperator,
)
from airflow_provider_pgstream.triggers import PgStreamRefreshOperationTrigger
from tests.operators.test_refresh import asset_events
from tests.triggers.firing import eventually

FIRST, SLOW, LAST = NAMES = ["public.t1", "public.t2_slow", "public.t3"]
GATE = (
    "create function public.gate(x int) returns int language plpgsql stable as"
    " $$ begin perform pg_advisory_xact_lock_shared(4242); return x; end $$"
)
AT_THE_GATE = (
    "select min(l.pid) from pg_locks l where l.locktype = 'advisory' and not l.granted and l.objid = 4242"
    " and l.database = (select oid from pg_database where datname = current_database())"
)
RUNNING = "select count(*) from pg_stat_activity where application_name = 'airflow-provider-pgstream'"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


@pytest.fixture
def gated(orders: Any, hook: PgStreamHook) -> Any:
    """Three stream tables behind a new order; the second one's refresh waits until the gate is opened."""
    orders.sql(GATE)
    for name in NAMES:
        amount = "public.gate(amount)" if name == SLOW else "amount"
        hook.create(name, f"select id, {amount} as n from public.orders", schedule=None, refresh_mode="FULL")
    orders.sql("insert into public.orders values (3, 3, 30)")
    orders.sql("select pg_advisory_lock(4242)")
    return orders


def open_gate(orders: Any) -> None:
    orders.sql("select pg_advisory_unlock(4242)")


def counts(orders: Any) -> list[int]:
    return [orders.sql(f"select count(*) from {name}") for name in NAMES]


def operator_of(hook: PgStreamHook, **kwargs: Any) -> PgStreamRefreshOperator:
    return PgStreamRefreshOperator(
        task_id="refresh", stream_table=NAMES, postgres_conn_id=hook.get_conn_id(), **kwargs
    )


def execute(operator: Any) -> Any:
    """Run it in any thread: Airflow 2.11 guards `execute` with something that only the main one has."""
    return inspect.unwrap(type(operator).execute)(operator, {})


WAYS = [{}, {"max_parallel": 3}, {"consistent": True}, {"consistent": True, "max_parallel": 1}]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_lost_connection_of_one_table_keeps_the_results_of_the_others(
    gated: Any, hook: PgStreamHook, in_thread: Callable[..., Any], way: dict[str, Any]
) -> None:
    work = in_thread(lambda: hook.refresh_all(RefreshPlan(NAMES, **way)))
    while not (pid := gated.sql(AT_THE_GATE)):
        assert work.is_alive()
    gated.sql("select pg_terminate_backend(%s, 10000)", pid)
    report = work.result()
    assert list(report.errors) == [SLOW]
    assert isinstance(report.errors[SLOW], ConnectionFailed)
    assert {name: result.outcome for name, result in report.results.items()} == {
        FIRST: "refreshed",
        LAST: "refreshed",
    }
    assert counts(gated) == [3, 2, 3]


async def test_lost_connection_of_one_table_keeps_the_others_in_the_triggerer(
    gated: Any, hook: PgStreamHook, background: Any
) -> None:
    work = background(PgStreamRefreshOperationTrigger(RefreshPlan(NAMES).to_json(), hook.get_conn_id()))
    pid = await eventually(lambda: gated.sql(AT_THE_GATE))
    gated.sql("select pg_terminate_backend(%s, 10000)", pid)
    event = await work
    assert [error["type"] for error in event["errors"]] == ["ConnectionFailed"]
    outcomes = {name: result["outcome"] for name, result in event["results"].items()}
    assert outcomes == {FIRST: "refreshed", SLOW: "failed", LAST: "refreshed"}
    assert counts(gated) == [3, 2, 3]


def test_lost_session_of_the_boundary_keeps_what_its_tables_have_done(
    gated: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    hook.create(
        "public.t4", f"select id, n from {SLOW}", schedule=None, refresh_mode="FULL", initialize=False
    )
    work = in_thread(lambda: hook.refresh_all(RefreshPlan([*NAMES, "public.t4"], consistent=True)))
    while not (pid := gated.sql(AT_THE_GATE)):
        assert work.is_alive()
    exporter = gated.sql(
        "select pid from pg_stat_activity where application_name = 'airflow-provider-pgstream'"
        " and state = 'idle in transaction' and query ~ 'pg_export_snapshot'"
    )
    assert exporter not in (None, pid)
    gated.sql("select pg_terminate_backend(%s, 10000)", exporter)
    open_gate(gated)
    report = work.result()
    assert report.errors == {}
    assert {result.outcome for result in report.results.values()} == {"refreshed"}
    assert counts(gated) == [3, 3, 3]
    assert gated.sql("select count(*) from public.t4") == 3


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_killed_task_stops_the_rest_of_its_list(
    gated: Any, hook: PgStreamHook, in_thread: Callable[..., Any], way: dict[str, Any]
) -> None:
    operator = operator_of(hook, **way)
    work = in_thread(lambda: execute(operator))
    while not gated.sql(AT_THE_GATE):
        assert work.is_alive()
    operator.on_kill()
    with pytest.raises(PgStreamError, match=r"the task was killed|canceling statement due to user request"):
        work.result()
    while gated.sql(RUNNING):
        pass
    open_gate(gated)
    assert counts(gated)[1] == 2
    if not way:
        assert counts(gated) == [3, 2, 2]


def test_killed_task_that_waits_for_another_session_begins_nothing(
    gated: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    open_gate(gated)
    ids = [hook.get(name).pgs_id for name in NAMES]
    for pgs_id in ids:
        gated.sql("select pg_advisory_lock(%s)", pgs_id)
    operator = operator_of(hook, busy_timeout=600)
    work = in_thread(lambda: execute(operator))
    while not gated.sql(f"{RUNNING} and query ~ 'pg_try_advisory_lock'"):
        assert work.is_alive()
    while gated.sql(RUNNING):  # it waits, and holds nothing
        assert work.is_alive()
    operator.on_kill()
    for pgs_id in ids:
        gated.sql("select pg_advisory_unlock(%s)", pgs_id)
    with pytest.raises(PgStreamError, match="the task was killed"):
        work.result()
    assert counts(gated) == [2, 2, 2]


@pytest.mark.parametrize("kind", [PgStreamAlterOperator, PgStreamDropOperator])
def test_killed_task_stops_the_rest_of_any_list(
    gated: Any, hook: PgStreamHook, in_thread: Callable[..., Any], kind: Any
) -> None:
    open_gate(gated)
    options: dict[str, Any] = {"status": "PAUSED"} if kind is PgStreamAlterOperator else {}
    operator = kind(task_id="work", stream_table=NAMES, postgres_conn_id=hook.get_conn_id(), **options)
    gated.sql("begin")
    gated.sql("select pg_advisory_xact_lock(1885827956, 1)")  # so that creation and its like wait
    work = in_thread(lambda: execute(operator))
    waiting = (
        "select count(*) from pg_locks where locktype = 'advisory' and not granted and classid = 1885827956"
    )
    while not gated.sql(waiting):
        assert work.is_alive()
    operator.on_kill()
    with pytest.raises(PgStreamError):
        work.result()
    gated.sql("commit")
    assert [hook.get(name).status for name in NAMES] == ["ACTIVE"] * 3


# ---- assets


@pytest.fixture
def broken(orders: Any, hook: PgStreamHook) -> Any:
    """A stream table that can be refreshed, and one that divides by zero."""
    hook.create("public.order_totals", "select id, amount from public.orders", schedule=None)
    hook.create("public.shares", "select id, 10 / amount as share from public.orders", schedule=None)
    orders.sql("insert into public.orders values (4, 4, 0)")
    return orders


def dag_of(dag_id: str, hook: PgStreamHook, stream_table: Any = None, **kwargs: Any) -> DAG:
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PgStreamRefreshOperator(
            task_id="refresh",
            stream_table=stream_table or ["public.order_totals", "public.shares"],
            postgres_conn_id=hook.get_conn_id(),
            **kwargs,
        )
    return dag


def test_airflow_registers_no_asset_of_a_task_that_fails(
    broken: Any, hook: PgStreamHook, run_dag: Callable[..., Any]
) -> None:
    """If this fails, Airflow has learned to, and `on_error="report"` is needed no longer."""
    assert run_dag(dag_of("fails", hook)).state == "failed"
    assert broken.sql("select count(*) from public.order_totals") == 3
    assert asset_events("fails") == []


def test_partly_failed_list_that_is_reported_emits_what_was_refreshed(
    broken: Any, hook: PgStreamHook, run_dag: Callable[..., Any]
) -> None:
    run = run_dag(dag_of("reports", hook, on_error="report"))
    assert run.state == "success"
    assert asset_events("reports") == [("public/order_totals", "refreshed")]
    (task,) = run.get_task_instances()
    shares = task.xcom_pull(task_ids="refresh")["public.shares"]
    assert shares["outcome"] == "failed"
    assert "division by zero" in shares["reason"]


def test_list_of_which_none_was_refreshed_fails_though_reported(
    broken: Any, hook: PgStreamHook, run_dag: Callable[..., Any]
) -> None:
    run = run_dag(dag_of("nothing_done", hook, "public.shares", on_error="report"))
    assert run.state == "failed"


def test_reported_failure_stands_in_the_log(broken: Any, hook: PgStreamHook, told: Callable[[], str]) -> None:
    operator = PgStreamRefreshOperator(
        task_id="refresh",
        stream_table=["public.order_totals", "public.shares"],
        postgres_conn_id=hook.get_conn_id(),
        on_error="report",
    )
    execute(operator)
    assert "stream table public.shares failed" in told()
    operator.on_error = "fail"
    broken.sql("insert into public.orders values (5, 5, 1)")
    with pytest.raises(StreamTableFailed, match=r"public\.shares.*division by zero"):
        execute(operator)
