"""Tasks that wait in a real triggerer beside a real scheduler: killed, timed out, left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pgstream import _compat
from tests.fixtures.engine import connect, create

pytestmark = pytest.mark.skipif(not _compat.AIRFLOW_3, reason="the harness drives the REST API of Airflow 3")

DAGS = Path(__file__).with_name("dags")
CONN_ID = "pgstream_test"
PATIENCE = 120.0
OURS = "from pg_stat_activity where application_name = 'airflow-provider-pgstream'"
REFRESHING = f"select count(*) {OURS} and state = 'active' and query like '%refresh_stream_table%'"
WAITING = f"select count(*) {OURS} and state = 'idle'"
# On a busy machine a heartbeat may be late; a dead triggerer's tasks are taken over after the threshold.
SETTINGS = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__CORE__PARALLELISM": "2",
}
# The demo's scheduler imports dbt and Cosmos for its tasks, too; these need neither.
PRELOAD = """\
import sys

if "scheduler" in sys.argv:
    import airflow_provider_pgstream.operators
    import airflow_provider_pgstream.sensors
"""


def eventually(condition: Callable[[], Any], what: str = "it") -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"{what} did not come about in {PATIENCE:.0f} s"
        time.sleep(0.1)
    return seen


class Services:
    """A running Airflow with the DAGs of `dags`."""

    def __init__(self, airflow: Any, processes: Any) -> None:
        self.airflow = airflow
        self.processes = processes

    def run(self, dag_id: str) -> str:
        """Start a DAG; return the path of its run."""
        started = self.airflow.call(f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        return f"/api/v2/dags/{dag_id}/dagRuns/{started['dag_run_id']}"

    def states(self, run: str) -> dict[str, str]:
        """Return the states of a run's tasks."""
        tasks = self.airflow.call(f"{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}

    def await_states(self, run: str, **states: str) -> None:
        """Return when the tasks are in these states."""
        eventually(lambda: self.states(run) == states, f"{states} of {run}")

    def fail(self, run: str, task_id: str) -> None:
        """Mark a task failed, as the button in the web UI does."""
        token = self.airflow.call("/auth/token", token=False)["access_token"]
        request = urllib.request.Request(  # noqa: S310  http:// always
            f"{self.airflow.url}{run}/taskInstances/{task_id}",
            data=json.dumps({"new_state": "failed"}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
            method="PATCH",
        )
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()

    def kill_triggerer(self) -> None:
        """Kill the triggerer with all of its processes, and start it again."""
        triggerer = self.processes.started["triggerer"]
        os.killpg(triggerer.pid, signal.SIGKILL)
        triggerer.wait()
        self.airflow.start_component("triggerer", ["triggerer", "--skip-serve-logs"], self.processes)

    def runs(self, dag_id: str) -> list[str]:
        """Return the states of a DAG's runs."""
        return [run["state"] for run in self.airflow.call(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]]


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, airflow_db: Path, request: pytest.FixtureRequest
) -> Iterator[Services]:
    """Scheduler, DAG processor, triggerer and API server."""
    from demo.airflow import Airflow
    from demo.processes import Processes

    dsn = os.environ.get("PGSTREAM_TEST_DSN") or request.getfixturevalue("pgstream_server").dsn()
    airflow = Airflow(
        tmp_path_factory.mktemp("airflow") / "home",
        sorted(DAGS.glob("*.py")),
        {CONN_ID: dsn.replace("postgresql://", "postgres://")},
    )
    airflow.environment.update(SETTINGS)
    (airflow.home / "plugins" / "preload.py").write_text(PRELOAD)
    shutil.copy(airflow_db, airflow.home / "airflow.db")
    with Processes() as processes:
        airflow.start(processes)
        for dag_id in ("refresh", "wait", "watch"):
            airflow.wait_for(dag_id, processes, lambda _: None)
        yield Services(airflow, processes)


@pytest.fixture
def slow(orders: Any) -> Any:
    """Orders with a stream table whose refresh waits for as long as the test holds an advisory lock."""
    orders.sql(
        "create function public.gate(x int) returns int language plpgsql stable as "
        "$$ begin perform pg_advisory_xact_lock_shared(4242); return x; end $$"
    )
    query = "select id, public.gate(amount) as amount from public.orders"
    create(orders.connection, "public.slow", query, None, "FULL", initialize=False)
    orders.create(initialize=False)
    orders.sql("select pg_advisory_lock(4242)")
    return orders


def test_a_deferred_refresh_succeeds_in_the_triggerer(services: Services, slow: Any) -> None:
    run = services.run("refresh")
    eventually(lambda: slow.sql(REFRESHING))
    services.await_states(run, refresh="deferred")
    slow.sql("select pg_advisory_unlock(4242)")
    services.await_states(run, refresh="success")
    value = services.airflow.call(f"{run}/taskInstances/refresh/xcomEntries/return_value")["value"]
    assert "refreshed" in json.dumps(value)


def test_a_user_who_kills_a_deferred_refresh_cancels_its_statement(services: Services, slow: Any) -> None:
    run = services.run("refresh")
    eventually(lambda: slow.sql(REFRESHING))
    services.fail(run, "refresh")
    eventually(lambda: slow.sql(REFRESHING) == 0, "the end of the statement")
    services.await_states(run, refresh="failed")
    assert slow.sql("select is_populated from pgstream.pgs_stream_tables where pgs_name = 'slow'") is False


def test_a_deferred_refresh_ends_with_its_execution_timeout(services: Services, slow: Any) -> None:
    run = services.run("hasty_refresh")
    eventually(lambda: slow.sql(REFRESHING))
    services.await_states(run, refresh="failed")
    eventually(lambda: slow.sql(REFRESHING) == 0, "the end of the statement")


def test_a_deferred_sensor_times_out_and_is_skipped_where_told_to(services: Services, slow: Any) -> None:
    run = services.run("impatient")
    services.await_states(run, fails="failed", skips="skipped")
    eventually(lambda: slow.sql(f"select count(*) {OURS}") <= 1, "the end of the connection")


def test_tasks_of_a_triggerer_that_was_killed_go_on_in_the_next_one(services: Services, slow: Any) -> None:
    waiting = services.run("wait")
    refreshing = services.run("refresh")
    eventually(lambda: slow.sql(REFRESHING))
    services.await_states(waiting, wait="deferred")
    services.kill_triggerer()
    slow.sql("select pg_advisory_unlock(4242)")
    services.await_states(refreshing, refresh="success")
    slow.refresh()
    services.await_states(waiting, wait="success")


def test_a_refresh_by_hand_starts_the_dag_that_watches_the_table(services: Services, slow: Any) -> None:
    slow.refresh()
    eventually(lambda: "success" in services.runs("watch"), "a run of the watching DAG")


def test_no_session_and_no_lock_is_left(services: Services, pgstream_dsn: str) -> None:
    with connect(pgstream_dsn, autocommit=True) as connection:
        locks = "select count(*) from pg_locks where locktype = 'advisory'"
        assert connection.execute(locks).fetchone() == (0,)
