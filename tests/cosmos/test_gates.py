"""What gates hold up, from Airflow's own task states, and from the rows downstream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cosmos.constants import TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

START = {"schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
full = pytest.mark.full
BRANCH = ["totals", "renamed", "best"]
"""A stream table, and a table that reads it through an ephemeral model."""


@pytest.fixture
def run_shop(run_dag, project, shop) -> Callable[..., Any]:
    """Render the project as a DAG with some settings, run it, and return its task instances by id."""

    def run(
        test_behavior: TestBehavior = TestBehavior.NONE, select: list[str] = BRANCH, **settings: Any
    ) -> dict[str, Any]:
        configs = project.configs(test_behavior, select=select)
        dag = PgStreamDbtDag(dag_id="shop", **START, **settings, **configs)
        dag_run = run_dag(dag)
        return {ti.task_id: ti for ti in dag_run.get_task_instances()}

    return run


def states(task_instances: dict[str, Any], *task_ids: str) -> set[str]:
    """Return the states of some tasks, or of all."""
    return {str(ti.state) for task_id, ti in task_instances.items() if not task_ids or task_id in task_ids}


@pytest.mark.parametrize(
    "test_behavior",
    [
        TestBehavior.AFTER_EACH,
        pytest.param(TestBehavior.AFTER_ALL, marks=full),
        pytest.param(TestBehavior.NONE, marks=full),
    ],
    ids=str,
)
def test_downstream_has_the_rows_of_a_table_that_its_model_left_empty(run_shop, shop, test_behavior):
    tasks = run_shop(test_behavior, select=[])

    assert states(tasks) == {"success"}
    assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]
    assert shop.rows("select number from shop.report") == [(3,)]


def test_nothing_downstream_runs_while_a_stream_table_is_not_populated(run_shop, shop):
    tasks = run_shop(TestBehavior.AFTER_EACH, refresh="never")

    assert states(tasks, "totals.run") == {"success"}
    assert states(tasks, "totals.populated") == {"failed"}
    assert states(tasks, "totals.test", "renamed_run", "best.run", "best.test") == {"upstream_failed"}
    assert not shop.exists("shop.best")


def eventually(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.1)


def state_of(task_id: str) -> str | None:
    """Return the state that Airflow's database has for a task of the run that goes on."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        return session.query(TaskInstance.state).filter_by(dag_id="shop", task_id=task_id).limit(1).scalar()


@pytest.mark.parametrize(
    "deferrable", [True, pytest.param(False, marks=full)], ids=["deferred", "on the worker"]
)
def test_downstream_runs_after_another_session_has_populated_the_table(run_shop, shop, deferrable):
    seen = {}

    def populate() -> None:
        eventually(lambda: state_of("totals_populated") in ("running", "deferred"))
        seen["downstream before"] = shop.exists("shop.best")
        shop.order("dan", "toy", 100)
        shop.execute("select pgstream.refresh_stream_table('shop_live.order_totals')")
        seen["populated at"] = shop.rows("select clock_timestamp()")[0][0]

    populating = threading.Thread(target=populate)
    populating.start()
    tasks = run_shop(
        refresh="never",
        sensor_args={"on_unattended": "wait", "poke_interval": 0.5, "deferrable": deferrable, "timeout": 120},
    )
    populating.join()

    assert seen["downstream before"] is False
    assert states(tasks) == {"success"}
    assert tasks["totals_run"].end_date < seen["populated at"] < tasks["renamed_run"].start_date
    assert shop.best() == shop.best_of_the_orders() == [("dan", 100), ("ann", 30)]
