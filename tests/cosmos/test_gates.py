"""What gates hold up, from Airflow's own task states, and from the rows downstream."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import conf
from cosmos.constants import LoadMode, TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag
from tests.cosmos.graphs import asset_events

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


def starts(task_id: str) -> int:
    """Return how many times a task was started: its states pass too quickly to be caught."""
    path = conf.get("database", "sql_alchemy_conn").removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        return connection.execute(
            "select count(start_date) from task_instance where dag_id = 'shop' and task_id = ?", [task_id]
        ).fetchone()[0]


@pytest.mark.airflow3  # dag.test() of Airflow 2 keeps the states to itself until the run ends
@pytest.mark.parametrize(
    "deferrable", [True, pytest.param(False, marks=full)], ids=["deferred", "on the worker"]
)
def test_downstream_runs_after_another_session_has_populated_the_table(
    airflow_db, run_shop, shop, deferrable
):
    seen = {}
    before = starts("totals_populated")

    def populate() -> None:
        eventually(lambda: starts("totals_populated") > before)
        seen["downstream before"] = shop.exists("shop.best")
        shop.order("dan", "toy", 100)
        shop.execute("select pgstream.refresh_stream_table('shop_live.order_totals')")
        seen["populated at"] = shop.rows("select clock_timestamp()")[0][0]

    waiting = {"on_unattended": "wait", "poke_interval": 0.5, "deferrable": deferrable, "timeout": 120}
    with ThreadPoolExecutor() as pool:
        populating = pool.submit(populate)
        tasks = run_shop(refresh="never", sensor_args=waiting)
        populating.result()

    assert seen["downstream before"] is False
    assert states(tasks) == {"success"}
    assert tasks["totals_run"].end_date < seen["populated at"] < tasks["renamed_run"].start_date
    assert shop.best() == shop.best_of_the_orders() == [("dan", 100), ("ann", 30)]


def test_a_run_reads_the_rows_that_were_there_when_it_began(run_shop, shop):
    run_shop(refresh="always")
    shop.order("dan", "toy", 100)

    tasks = run_shop(refresh="always")

    assert states(tasks) == {"success"}
    assert shop.best() == shop.best_of_the_orders() == [("dan", 100), ("ann", 30)]


@pytest.mark.airflow3  # dag.test() of Airflow 2 keeps the states to itself until the run ends
def test_a_gate_for_fresh_data_waits_for_a_refresh_that_comes_after_its_model_ran(airflow_db, run_shop, shop):
    run_shop()
    shop.order("dan", "toy", 100)
    shop.execute("select pgstream.alter_stream_table('shop_live.order_totals', schedule => '1h')")

    before = starts("totals_fresh")

    def refresh() -> None:
        eventually(lambda: starts("totals_fresh") > before)
        shop.execute("select pgstream.refresh_stream_table('shop_live.order_totals')")

    waiting = {"deferrable": True, "poke_interval": 0.5, "timeout": 120}
    with ThreadPoolExecutor() as pool:
        refreshing = pool.submit(refresh)
        tasks = run_shop(wait_for="fresh", sensor_args=waiting)
        refreshing.result()

    assert states(tasks) == {"success"}
    assert shop.best() == shop.best_of_the_orders() == [("dan", 100), ("ann", 30)]


def test_a_gate_for_fresh_data_stays_shut_on_data_of_an_earlier_run(run_shop, shop):
    run_shop()
    shop.order("dan", "toy", 100)

    tasks = run_shop(wait_for="fresh", refresh="never", sensor_args={"timeout": 3, "poke_interval": 0.5})

    assert states(tasks, "totals_fresh") == {"failed"}
    assert states(tasks, "renamed_run", "best_run") == {"upstream_failed"}
    assert shop.best() == [("ann", 30), ("cid", 7)]


@pytest.mark.airflow3
def test_the_asset_of_a_stream_table_is_emitted_by_the_last_task_of_its_gate_alone(run_shop, shop):
    run_id = run_shop()["totals_run"].run_id

    assert asset_events(run_id)["shop_live/order_totals"] == {"totals_populated"}


def test_a_schedule_that_nobody_keeps_is_told_once_with_what_to_set(run_unserved, capfd, caplog):
    run_unserved(refresh="auto")

    said = capfd.readouterr()
    warning = "shop_live.order_totals has the schedule '5m', but no scheduler serves this database"
    # Airflow 3 prints a task's log, Airflow 2 hands it to the loggers only.
    told = said.out + said.err if warning in said.out + said.err else caplog.text
    assert told.count(warning) == 1
    assert 'Set refresh="always" of the gate' in told


@pytest.fixture
def run_unserved(run_shop, shop, monkeypatch) -> Iterator[Callable[..., Any]]:
    """Run the project in a database that no scheduler serves."""
    shop.execute("drop database if exists shop_unserved with (force)")
    shop.execute("create database shop_unserved")
    elsewhere = shop.dsn.rsplit("/", 1)[0] + "/shop_unserved"
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("create extension pg_stream; create schema raw")
        connection.execute("create table raw.orders (customer text, kind text, amount int)")
    variable = f"AIRFLOW_CONN_{shop.conn_id.upper()}"
    monkeypatch.setenv(variable, json.dumps({**json.loads(os.environ[variable]), "schema": "shop_unserved"}))
    yield run_shop
    shop.execute("drop database shop_unserved with (force)")


def test_a_gate_whose_run_task_has_told_no_relation_says_what_to_do(run_dag, project, shop, capfd, caplog):
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs(TestBehavior.NONE, select=BRANCH))
    dag.get_task("totals_run").callback = None

    tasks = {ti.task_id: ti for ti in run_dag(dag).get_task_instances()}

    assert str(tasks["totals_refresh"].state) == "failed"
    assert str(tasks["best_run"].state) == "upstream_failed"
    said = capfd.readouterr()
    told = said.out + said.err + caplog.text
    assert "task totals_run did not tell which stream table model.shop.totals is" in told


@pytest.mark.full
def test_a_stream_table_that_cosmos_own_parser_cannot_see_fails_rather_than_go_ungated(
    run_dag, project, shop
):
    configs = project.configs(TestBehavior.NONE, LoadMode.CUSTOM, select=BRANCH)
    dag = PgStreamDbtDag(dag_id="shop", **START, **configs)
    assert dag.get_task("totals_run").downstream_task_ids == {"renamed_run"}

    tasks = {ti.task_id: ti for ti in run_dag(dag).get_task_instances()}

    assert shop.exists("shop_live.order_totals")
    assert str(tasks["totals_run"].state) == "failed"
    assert not shop.exists("shop.best")


def test_where_tests_run_with_their_model_dbt_waits(run_dag, project, shop):
    configs = project.configs(TestBehavior.BUILD, select=BRANCH)
    dag = PgStreamDbtDag(dag_id="shop", **START, **configs)
    assert dag.get_task("totals_model_build").downstream_task_ids == {"renamed_model_build"}

    tasks = {ti.task_id: ti for ti in run_dag(dag).get_task_instances()}

    assert states(tasks) == {"success"}
    assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]
