"""The refresh operator: what it does with one table and with several, and what it says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_pgstream._compat import AIRFLOW_3
from airflow_provider_pgstream.exceptions import (
    InvalidStreamTable,
    PgStreamError,
    RefreshInProgress,
    StreamTableFailed,
    StreamTableNotFound,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from tests.fixtures.engine import ENGINE, connect
from tests.fixtures.orders import NAME

UNPOPULATED = "public.later"


def refresh(conn_id: str, stream_table: Any = NAME, **kwargs: Any) -> Any:
    operator = PgStreamRefreshOperator(
        task_id="refresh", stream_table=stream_table, postgres_conn_id=conn_id, **kwargs
    )
    return unguarded(operator)


def unguarded(operator: PgStreamRefreshOperator) -> Any:
    """Execute it in any thread; Airflow 2.11 guards ``execute`` with something that only the main one has."""
    return inspect.unwrap(type(operator).execute)(operator, {})


@pytest.fixture
def busy(orders: Any, hook: PgStreamHook) -> Iterator[psycopg.Connection[Any]]:
    """Another session that refreshes order_totals, for as long as it likes."""
    orders.create(NAME)
    with connect(orders.connection.info.dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [hook.get(NAME).pgs_id])
        yield other


def test_result_is_keyed_by_the_qualified_name(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    results = refresh(pgstream_conn_id, "order_totals")
    assert list(results) == [NAME]
    result = results[NAME]
    assert result["outcome"] == "refreshed"
    assert result["action"] in ("FULL", "DIFFERENTIAL")
    assert result["seconds"] > 0
    assert datetime.fromisoformat(result["data_timestamp"]).utcoffset() == UTC.utcoffset(None)


def test_upstream_tables_come_first_and_only_if_asked_for(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    orders.sql(
        "select pgstream.create_stream_table('public.top', 'select total from public.order_totals', '1h')"
    )
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert list(refresh(pgstream_conn_id, "public.top")) == ["public.top"]
    assert orders.sql("select count(*) from public.top") == 2
    assert list(refresh(pgstream_conn_id, "public.top", include_upstream=True)) == [NAME, "public.top"]
    assert orders.sql("select count(*) from public.top") == 3


def test_what_reads_a_failed_table_is_left_out_and_the_others_go_on(
    orders: Any, pgstream_conn_id: str, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    hook.create("public.shares", "select id, 10 / amount as share from public.orders", schedule="1h")
    hook.create("public.behind", "select share from public.shares", schedule="1h")
    hook.create(NAME, "select id, amount from public.orders", schedule="1h")
    orders.sql("insert into public.orders values (4, 4, 0)")
    before = hook.get("public.behind").data_timestamp
    with pytest.raises(StreamTableFailed, match=r"public\.shares.*division by zero"):
        refresh(pgstream_conn_id, ["public.behind", "public.shares", NAME])
    assert orders.sql("select count(*) from public.order_totals") == 3
    assert hook.get("public.behind").data_timestamp == before
    assert "public.behind skipped" in told()


def test_all_failures_are_named_at_the_end(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    with pytest.raises(StreamTableNotFound) as error:
        refresh(pgstream_conn_id, ["public.no_one", NAME, "public.no_two"])
    assert "2 stream tables failed" in str(error.value)
    assert "public.no_one" in str(error.value)
    assert "public.no_two" in str(error.value)


def test_unpopulated_tables_only(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    orders.create(UNPOPULATED, initialize=False)
    results = refresh(pgstream_conn_id, [NAME, UNPOPULATED], when="unpopulated")
    assert results[NAME]["outcome"] == "skipped"
    assert results[NAME]["reason"] == "it is populated"
    assert results[UNPOPULATED]["outcome"] == "refreshed"
    assert orders.sql("select count(*) from public.later") == 2


def test_unattended_tables_only(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    orders.create(UNPOPULATED, initialize=False)
    orders.create("public.calculated", schedule=None)
    results = refresh(pgstream_conn_id, [NAME, UNPOPULATED, "public.calculated"], when="unattended")
    outcomes = {name: result["outcome"] for name, result in results.items()}
    assert outcomes == {NAME: "skipped", UNPOPULATED: "refreshed", "public.calculated": "refreshed"}


def test_every_table_is_unattended_where_no_scheduler_serves(
    unserved_orders: Any, unserved_conn_id: str
) -> None:
    unserved_orders.create(NAME)
    assert refresh(unserved_conn_id, when="unattended")[NAME]["outcome"] == "refreshed"


def test_paused_table_fails_or_is_skipped_or_resumed(
    orders: Any, pgstream_conn_id: str, hook: PgStreamHook
) -> None:
    orders.create(NAME)
    hook.pause(NAME)
    with pytest.raises(StreamTableSuspended, match=r"SUSPENDED \(paused\).*on_suspended='resume'"):
        refresh(pgstream_conn_id)
    assert refresh(pgstream_conn_id, on_suspended="skip")[NAME]["outcome"] == "skipped"
    assert hook.get(NAME).is_paused
    assert refresh(pgstream_conn_id, on_suspended="resume")[NAME]["outcome"] == "refreshed"
    assert not hook.get(NAME).is_paused


def test_table_stays_paused_when_the_refresh_after_its_resuming_fails(
    orders: Any, pgstream_conn_id: str, hook: PgStreamHook
) -> None:
    hook.create(NAME, "select id, 10 / amount as share from public.orders", schedule="1h", status="PAUSED")
    orders.sql("insert into public.orders values (4, 4, 0)")
    with pytest.raises(StreamTableFailed):
        refresh(pgstream_conn_id, on_suspended="resume")
    assert hook.get(NAME).is_paused


def test_table_in_error_is_refreshed(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    orders.set_status("ERROR")
    assert refresh(pgstream_conn_id)[NAME]["outcome"] == "refreshed"


def test_busy_table_is_skipped_or_fails_at_once(busy: Any, pgstream_conn_id: str) -> None:
    assert refresh(pgstream_conn_id, on_busy="skip")[NAME]["outcome"] == "skipped"
    with pytest.raises(RefreshInProgress, match="being refreshed by another session"):
        refresh(pgstream_conn_id, on_busy="fail")


def test_waiting_for_a_busy_table_ends_with_its_timeout(busy: Any, pgstream_conn_id: str) -> None:
    with pytest.raises(RefreshInProgress, match=NAME):
        refresh(pgstream_conn_id, busy_timeout=0.3)


def test_waiting_for_a_busy_table_holds_nothing_and_then_goes_on(
    busy: Any, orders: Any, pgstream_conn_id: str, in_thread: Callable[..., Any]
) -> None:
    waiting = in_thread(lambda: refresh(pgstream_conn_id))
    with connect(orders.connection.info.dsn, autocommit=True) as writer:
        writer.execute("set lock_timeout = '20s'")
        for number in range(10, 20):
            writer.execute("insert into public.orders values (%s, 1, 1)", [number])
    assert waiting.is_alive()
    busy.execute("select pg_advisory_unlock_all()")
    assert waiting.result()[NAME]["outcome"] == "refreshed"


def test_many_refreshes_of_one_table_at_once_all_succeed(
    orders: Any, pgstream_conn_id: str, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    orders.create(NAME)
    started = [in_thread(lambda: refresh(pgstream_conn_id)) for _ in range(8)]
    assert {thread.result()[NAME]["outcome"] for thread in started} == {"refreshed"}
    assert orders.sql("select count(*) from pg_locks where locktype = 'advisory'") == 0
    assert hook.verify(NAME).equal


def test_log_holds_what_the_engine_says_and_not_its_chatter(
    orders: Any, pgstream_conn_id: str, told: Callable[[], str]
) -> None:
    orders.create(NAME)
    told()
    refresh(pgstream_conn_id)
    refresh(pgstream_conn_id)
    said = told()
    assert f"Stream table {NAME} refreshed (" in said
    assert "PGS_PROFILE" not in said
    assert "no previous frontier" not in said
    assert "no transaction in progress" not in said


def test_first_line_says_that_this_is_the_emulator(
    orders: Any, pgstream_conn_id: str, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    orders.create(NAME)
    is_emulator = hook.status().is_emulator
    told()
    refresh(pgstream_conn_id)
    lines = [line for line in told().splitlines() if "cannot be called outside" not in line]
    assert (f"This is the EMULATOR of {ENGINE.extension}" in lines[0]) == is_emulator


@pytest.mark.parametrize("nothing", [[], "", "a.b.c", "Upper.case", None, [None], 7])
def test_name_that_cannot_be_is_refused_without_a_connection(nothing: Any) -> None:
    with pytest.raises(InvalidStreamTable):
        refresh("no_such_connection", nothing)


def test_deferrable_refresh_takes_the_plan_to_the_triggerer(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    with pytest.raises(TaskDeferred) as deferred:
        refresh(pgstream_conn_id, deferrable=True, full=True, execution_timeout=None)
    path, arguments = deferred.value.trigger.serialize()
    assert path.endswith("PgStreamRefreshOperationTrigger")
    assert arguments["plan"]["stream_tables"] == [NAME]
    assert arguments["plan"]["full"] is True
    assert deferred.value.method_name == "execute_complete"


def test_templates_xcom_and_asset_events_in_a_dag(
    orders: Any, pgstream_conn_id: str, run_dag: Callable[..., Any]
) -> None:
    orders.create(NAME)
    with DAG("refresh_templated", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PgStreamRefreshOperator(
            task_id="refresh",
            stream_table=["{{ 'order_' ~ 'totals' }}"],
            postgres_conn_id="{{ '" + pgstream_conn_id + "' }}",
        )
    run = run_dag(dag)
    assert run.state == "success"
    (task,) = run.get_task_instances()
    assert list(task.xcom_pull(task_ids="refresh")) == [NAME]
    assert asset_events(run.dag_id) == [("public/order_totals", "refreshed")]


def asset_events(dag_id: str) -> list[tuple[str, str]]:
    from airflow.utils.session import create_session

    if AIRFLOW_3:
        from airflow.models.asset import AssetEvent, AssetModel
    else:
        from airflow.models.dataset import DatasetEvent as AssetEvent
        from airflow.models.dataset import DatasetModel as AssetModel

    with create_session() as session:
        events = session.query(AssetEvent).filter(AssetEvent.source_dag_id == dag_id).all()
        uris = {asset.id: asset.uri for asset in session.query(AssetModel).all()}
        found = [(uris[event.asset_id if AIRFLOW_3 else event.dataset_id], event.extra) for event in events]
    return [("/".join(uri.split("/")[-2:]), extra["outcome"]) for uri, extra in found]


def test_killed_task_leaves_no_statement_running(
    orders: Any, pgstream_conn_id: str, in_thread: Callable[..., Any]
) -> None:
    orders.create(NAME)
    operator = PgStreamRefreshOperator(
        task_id="refresh", stream_table=NAME, postgres_conn_id=pgstream_conn_id, lock_timeout=60
    )
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        running = in_thread(unguarded, operator)
        waiting = "select count(*) from pg_locks where not granted and relation = 'public.orders'::regclass"
        while not orders.sql(waiting):
            assert running.is_alive()
        operator.on_kill()
        with pytest.raises(PgStreamError, match="the task was killed"):
            running.result()
    assert orders.sql(waiting) == 0


def test_lineage_names_sources_and_table(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(NAME)
    operator = PgStreamRefreshOperator(
        task_id="refresh", stream_table=NAME, postgres_conn_id=pgstream_conn_id
    )
    assert operator.get_openlineage_facets_on_complete(None) is None
    operator.execute({})
    lineage = operator.get_openlineage_facets_on_complete(None)
    info = orders.connection.info
    assert [d.name for d in lineage.inputs] == [f"{info.dbname}.public.orders"]
    assert [d.name for d in lineage.outputs] == [f"{info.dbname}.{NAME}"]
    assert {d.namespace for d in lineage.inputs + lineage.outputs} == {f"postgres://{info.host}:{info.port}"}
    assert "sum(amount)" in lineage.job_facets["sql"].query
