"""The example DAG that keeps the schedules of a whole database."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.operators.test_refresh import asset_events

pytestmark = pytest.mark.airflow3

EXAMPLE = Path(__file__).parents[2] / "dags" / "example_due.py"
TOTALS = "select customer_id, sum(amount) as total from public.orders group by customer_id"
LATE = "update pgstream.pgs_stream_tables set data_timestamp = now() - interval '30 minutes'"


@pytest.fixture
def hook(unserved_conn_id: str, monkeypatch: pytest.MonkeyPatch) -> PgStreamHook:
    """The example's own connection, to a database that no scheduler serves."""
    hook = PgStreamHook(postgres_conn_id=unserved_conn_id)
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", hook.connection.get_uri())
    return hook


@pytest.fixture
def run(run_dag: Callable[..., Any]) -> Callable[[], tuple[dict[str, str], dict[str, str]]]:
    """Run it; return the states of its tasks, and the outcome of each table."""

    def run_example() -> tuple[dict[str, str], dict[str, str]]:
        spec = importlib.util.spec_from_file_location("example_due", EXAMPLE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tasks = {task.task_id: task for task in run_dag(module.dag).get_task_instances()}
        results = tasks["refresh"].xcom_pull(task_ids="refresh") or {}
        return (
            {task_id: str(task.state) for task_id, task in tasks.items()},
            {name: result["outcome"] for name, result in results.items()},
        )

    return run_example


def test_example_refreshes_what_is_due_and_leaves_the_rest(
    unserved_orders: Any, hook: PgStreamHook, run: Any
) -> None:
    hook.create("public.quarterly", TOTALS, schedule="15m")
    hook.create("public.hourly", TOTALS, schedule="1h")
    hook.create("public.by_cron", TOTALS, schedule="*/5 * * * *")
    hook.create("public.paused", TOTALS, schedule="15m", status="PAUSED")
    unserved_orders.sql(LATE)
    unserved_orders.sql("insert into public.orders values (3, 3, 30)")
    states, outcomes = run()
    assert states == {"refresh": "success", "demand_all": "success"}
    assert outcomes == {
        "public.quarterly": "refreshed",
        "public.hourly": "skipped",
        "public.by_cron": "refreshed",
        "public.paused": "skipped",
    }
    assert [
        unserved_orders.sql(f"select count(*) from {name}") for name in ("public.quarterly", "public.hourly")
    ] == [3, 2]


def test_table_that_fails_fails_the_run_and_the_others_assets_are_emitted(
    unserved_orders: Any, hook: PgStreamHook, run: Any
) -> None:
    hook.create("public.totals", "select id, amount from public.orders", schedule="15m")
    hook.create("public.shares", "select id, 10 / amount as share from public.orders", schedule="15m")
    unserved_orders.sql(LATE)
    unserved_orders.sql("insert into public.orders values (4, 4, 0)")
    before = len(asset_events("example_due"))
    states, outcomes = run()
    assert states == {"refresh": "success", "demand_all": "failed"}
    assert outcomes == {"public.totals": "refreshed", "public.shares": "failed"}
    assert asset_events("example_due")[before:] == [("public/totals", "refreshed")]
