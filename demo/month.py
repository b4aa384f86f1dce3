"""One DAG run: trigger it, and tell what becomes of its tasks."""

from __future__ import annotations

import calendar
import time
import urllib.error
from collections.abc import Callable
from typing import Any

from demo.airflow import Airflow
from demo.database import DemoError, Flights
from demo.processes import Processes

DAG_ID = "flight_delays"
LINES = 15  # of a failed task's log
ATTEMPTS = 5  # at a question that a busy API server did not answer
GLANCE = 0.7  # seconds between two looks at the tasks
TOLD = {"running", "deferred", "success", "failed", "skipped", "up_for_retry", "upstream_failed", "removed"}

Tell = Callable[[str], None]


class Month:
    """A run of the DAG for one month of 2013."""

    def __init__(self, airflow: Airflow, flights: Flights, month: int, tell: Tell) -> None:
        self.airflow = airflow
        self.flights = flights
        self.month = month
        self.tell = tell
        self.run_id = f"2013-{month:02}"
        self.states: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The month's name."""
        return calendar.month_name[self.month]

    def run(self, processes: Processes) -> None:
        """Trigger the run and follow it to its end.

        :raises DemoError: if it fails.
        """
        body = {
            "dag_run_id": self.run_id,
            "logical_date": f"{self.run_id}-01T00:00:00Z",
            "conf": {"month": self.month},
        }
        self.airflow.call(f"/api/v2/dags/{DAG_ID}/dagRuns", body)
        while True:
            state = self._get("")["state"]
            self._look()
            if state == "success":
                return
            if state == "failed":
                raise DemoError(
                    f"the run for {self.name} failed; Airflow's logs are in {self.airflow.home / 'logs'}"
                )
            self.airflow.demand_alive(processes)
            time.sleep(GLANCE)

    def result(self, task_id: str) -> Any:
        """Return what a task returned, or None."""
        try:
            return self._get(f"/taskInstances/{task_id}/xcomEntries/return_value")["value"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def _get(self, path: str) -> Any:
        attempts = ATTEMPTS
        while True:
            try:
                return self.airflow.call(f"/api/v2/dags/{DAG_ID}/dagRuns/{self.run_id}{path}")
            except (urllib.error.URLError, TimeoutError) as error:
                attempts -= 1
                if not attempts or (isinstance(error, urllib.error.HTTPError) and error.code < 500):
                    raise
                time.sleep(GLANCE)

    def _look(self) -> None:
        tasks = self._get("/taskInstances?limit=200")["task_instances"]
        for task in sorted(tasks, key=lambda task: task["end_date"] or task["start_date"] or "~"):
            state, task_id = task["state"], task["task_id"]
            if state in TOLD and self.states.get(task_id) != state:
                self.states[task_id] = state
                self._tell_of(task)

    def _tell_of(self, task: dict[str, Any]) -> None:
        task_id, state = task["task_id"], task["state"]
        seconds = f"{task['duration']:5.1f} s" if task["duration"] and task["end_date"] else ""
        self.tell(f"{task_id:<34} {state:<9} {seconds}")
        if state == "success":
            for line in self._wrote(self.result(task_id)):
                self.tell(f"    {line}")
        if state in ("failed", "up_for_retry"):
            for line in self._log(task):
                self.tell(f"    {line}")

    def _log(self, task: dict[str, Any]) -> list[str]:
        """Return the errors in a task's log, or its last lines if it logged none."""
        content = self._get(f"/taskInstances/{task['task_id']}/logs/{task['try_number']}")["content"]
        entries = [entry for entry in content if isinstance(entry, dict)]
        errors = [entry for entry in entries if entry.get("level") in ("error", "critical")]
        lines = [line for entry in errors or entries[-LINES:] for line in _text(entry).splitlines()]
        return lines[-LINES:]

    def _wrote(self, result: Any) -> list[str]:
        """Say in a line per stream table what a task did to it or saw of it, if that is what it returned."""
        if not isinstance(result, dict):
            return []
        if "loaded_at" in result:
            return [f"{result['flights']:,} flights copied into raw.flights"]
        return [self._line(table, what) for table, what in result.items() if isinstance(what, dict)]

    def _line(self, table: str, what: dict[str, Any]) -> str:
        if "outcome" not in what:
            return f"{table} is {what['status']}, its data {what['staleness']:.1f} s old"
        if not what["action"]:
            return f"{table} {what['outcome']}, {what['seconds']:.2f} s"
        counted = what["rows_inserted"] is not None
        change = f" +{what['rows_inserted']} -{what['rows_deleted']}" if counted else ""
        done = f"{table} {what['outcome']} ({what['action']}{change}), {what['seconds']:.2f} s"
        return f"{done}, now {self.flights.count(table):,} rows"


def _text(entry: dict[str, Any]) -> str:
    causes = [f"{cause['exc_type']}: {cause['exc_value']}" for cause in entry.get("error_detail") or []]
    return "\n".join([str(entry["event"]), *causes])
