"""ExecutionMode.WATCHER under a real scheduler: dbt itself waits, and its retries do."""

from __future__ import annotations

import os

import pytest

from tests.cosmos.scheduled import scheduled_shop

pytestmark = [pytest.mark.airflow3, pytest.mark.timeout(1500)]


@pytest.mark.parametrize(
    "test_behavior", ["after_each", *(pytest.param(b, marks=pytest.mark.full) for b in ("after_all", "none"))]
)
def test_both_runs_and_a_retry_of_one_model_have_the_right_rows(shop, project, tmp_path, test_behavior):
    connection = os.environ[f"AIRFLOW_CONN_{shop.conn_id.upper()}"]
    with scheduled_shop(
        tmp_path / "airflow",
        project.path,
        connection,
        execution_mode="watcher",
        test_behavior=test_behavior,
        refresh="always",
    ) as airflow:
        assert set(airflow.run().values()) == {"success"}
        assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]

        shop.order("bob", "toy", 100)
        assert set(airflow.run().values()) == {"success"}
        assert shop.best() == shop.best_of_the_orders() == [("bob", 105), ("ann", 30)]

        shop.order("dan", "toy", 1000)
        totals, best = (
            ("totals.run", "best.run") if test_behavior == "after_each" else ("totals_run", "best_run")
        )
        assert set(airflow.again(totals).values()) == {"success"}
        assert set(airflow.again(best).values()) == {"success"}
        assert shop.best() == shop.best_of_the_orders() == [("dan", 1000), ("bob", 105)]
