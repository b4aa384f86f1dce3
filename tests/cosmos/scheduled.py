"""A DAG under a real scheduler, driven over Airflow's REST API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.airflow import Airflow
from demo.processes import Processes

SHOP = Path(__file__).with_name("dags") / "shop.py"
PATIENCE = 300.0
ENDED = {"success", "failed"}


class ScheduledDag:
    """
    A running Airflow that has one DAG.

    :param dag_id: the DAG.
    :param airflow: its REST API.
    :param processes: its processes.
    """

    def __init__(self, dag_id: str, airflow: Airflow, processes: Processes) -> None:
        self.runs = f"/api/v2/dags/{dag_id}/dagRuns"
        self.clear = f"/api/v2/dags/{dag_id}/clearTaskInstances"
        self.airflow = airflow
        self.processes = processes

    def run(self) -> dict[str, str]:
        """Run the DAG; return the states of its tasks."""
        started = self.airflow.call(self.runs, {"logical_date": None})
        return self.ended(started["dag_run_id"])

    def again(self, task_id: str) -> dict[str, str]:
        """Clear a task of the last run, as the button in the web UI does; return the states of all."""
        run_id = self.airflow.call(f"{self.runs}?order_by=-id&limit=1")["dag_runs"][0]["dag_run_id"]
        self.airflow.call(
            self.clear,
            {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False},
        )
        return self.ended(run_id)

    def ended(self, run_id: str) -> dict[str, str]:
        """Wait for the end of a run; return the states of its tasks."""
        path = f"{self.runs}/{run_id}"
        deadline = time.monotonic() + PATIENCE
        while self.airflow.call(path)["state"] not in ENDED:
            self.airflow.demand_alive(self.processes)
            assert time.monotonic() < deadline, self.tasks(path)
            time.sleep(0.5)
        return self.tasks(path)

    def tasks(self, path: str) -> dict[str, str]:
        """Return the states of a run's tasks."""
        found: list[dict[str, Any]] = self.airflow.call(f"{path}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}


@contextmanager
def scheduled_shop(
    home: Path, project: Path, connection: str, *, execution_mode: str, test_behavior: str, **gates: Any
) -> Iterator[ScheduledDag]:
    """Start Airflow with the project's DAG, and stop it in the end."""
    shop = {
        "project": str(project),
        "execution_mode": execution_mode,
        "test_behavior": test_behavior,
        "gates": gates,
    }
    connections = {"pgstream_test": connection}
    with scheduled(home, [SHOP], connections, environment={"SHOP": json.dumps(shop)}) as dag:
        yield dag


@contextmanager
def scheduled(
    home: Path,
    files: list[Path],
    connections: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
) -> Iterator[ScheduledDag]:
    """
    Start Airflow with a DAG, and stop it in the end.

    :param files: the file of the DAG, which has its name, and what the DAG reads.
    """
    airflow = Airflow(home, files, dict(connections))
    dag_id = files[0].stem
    airflow.environment.update(environment or {})
    with Processes() as processes:
        airflow.make_metadata(processes)
        airflow.start(processes)
        airflow.wait_for(dag_id, processes, lambda _: None)
        yield ScheduledDag(dag_id, airflow, processes)
