"""A real Airflow of the demo's own: its settings, its processes, and its REST API."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.database import DemoError
from demo.processes import Processes

COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
HOST = "127.0.0.1"
PATIENCE = 240.0  # seconds for Airflow to come up on a busy machine
# This Airflow is told everything by the demo: what the user has set for another one does not count here.
FOREIGN = ("AIRFLOW", "DBT_", "PGSTREAM_", "COSMOS_")

# A plugin: a task's process is a fork of the scheduler, and need not import what the scheduler has.
PRELOAD = """\
import sys

if "scheduler" in sys.argv:
    import cosmos.operators.local
    import dbt.adapters.postgres
    import dbt.cli.main

    import airflow_provider_pgstream.cosmos
    import airflow_provider_pgstream.operators
    import airflow_provider_pgstream.sensors
"""

Opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Airflow:
    """Airflow with all the processes of a deployment, its metadata in SQLite, in a directory of its own.

    :param home: the directory, which is empty or not there yet.
    :param dags: the files of the DAGs, and what they read: nothing else of their folder is run.
    :param connections: Airflow connections as JSON, by id.
    """

    def __init__(self, home: Path, dags: list[Path], connections: dict[str, str]) -> None:
        self.home = home
        self.url = f"http://{HOST}:{_free_port()}"
        (home / "plugins").mkdir(parents=True)
        (home / "plugins" / "preload.py").write_text(PRELOAD)
        (home / "dags").mkdir()
        for path in dags:
            (home / "dags" / path.name).symlink_to(path)
        self.environment = self._environment(connections)
        self._token = ""

    def _environment(self, connections: dict[str, str]) -> dict[str, str]:
        settings: dict[str, dict[str, Any]] = {
            "CORE": {
                "DAGS_FOLDER": self.home / "dags",
                "DAGBAG_IMPORT_TIMEOUT": PATIENCE,  # dbt is slow to begin with
                # Else each of the processes makes one, and they cannot read what another has stored.
                "FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "LOAD_EXAMPLES": False,
                "DAGS_ARE_PAUSED_AT_CREATION": False,
                "EXECUTOR": "LocalExecutor",
                "PARALLELISM": max(2, min(4, os.cpu_count() or 2)),
                "SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
                "EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            },
            "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}"},
            "API": {
                "HOST": HOST,
                "PORT": self.url.rpartition(":")[2],
                "BASE_URL": self.url,
                "WORKERS": 1,
                "SECRET_KEY": secrets.token_hex(32),
            },
            "API_AUTH": {"JWT_SECRET": secrets.token_hex(64)},
            "LOGGING": {"BASE_LOG_FOLDER": self.home / "logs"},
            # That late the scheduler may learn of a worker's end, and fail a task that was resumed before.
            "WORKERS": {"MIN_HEARTBEAT_INTERVAL": 1},
            "SCHEDULER": {"SCHEDULER_IDLE_SLEEP_TIME": 0.2, "USE_JOB_SCHEDULE": True},
            "DAG_PROCESSOR": {
                "DAG_FILE_PROCESSOR_TIMEOUT": int(PATIENCE),
                "MIN_FILE_PROCESS_INTERVAL": 3600,
                "PARSING_PROCESSES": 1,
            },
            "USAGE_DATA_COLLECTION": {"ENABLED": False},
            "COSMOS": {"CACHE_DIR": self.home / "cosmos", "ENABLE_TELEMETRY": False},
        }
        own = {
            "AIRFLOW_HOME": str(self.home),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": f"{HOST},localhost,{os.environ.get('NO_PROXY', '')}",
            "no_proxy": f"{HOST},localhost,{os.environ.get('no_proxy', '')}",
            **{f"AIRFLOW_CONN_{name.upper()}": connection for name, connection in connections.items()},
            **{
                f"AIRFLOW__{section}__{key}": str(value)
                for section, values in settings.items()
                for key, value in values.items()
            },
        }
        return {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)} | own

    def log(self, name: str) -> Path:
        """Return the file that a process writes to."""
        return self.home / f"{name}.log"

    def make_metadata(self, processes: Processes) -> None:
        """Create Airflow's own tables.

        :raises DemoError: if Airflow refuses.
        """
        self.start_component("db-migrate", ["db", "migrate"], processes)
        if processes.wait("db-migrate") != 0:
            raise DemoError(f"`airflow db migrate` failed:\n{self._tail('db-migrate')}")

    def start(self, processes: Processes) -> None:
        """Start scheduler, DAG processor, triggerer and API server."""
        for name, command in COMPONENTS.items():
            self.start_component(name, command, processes)

    def start_component(self, name: str, command: list[str], processes: Processes) -> None:
        """Start one of Airflow's commands, with a log of its own."""
        processes.start(name, [sys.executable, "-m", "airflow", *command], self.log(name), self.environment)

    def wait_for(self, dag_id: str, processes: Processes, tell: Callable[[str], None]) -> None:
        """Return when all processes are healthy and the DAG is known, telling what has come up.

        :raises DemoError: if a process ends, the DAG cannot be imported, or it takes too long.
        """
        missing = ["metadatabase", "scheduler", "dag_processor", "triggerer", f"DAG {dag_id}"]
        deadline = time.monotonic() + PATIENCE
        while missing:
            if time.monotonic() > deadline:
                raise DemoError(
                    f"Airflow did not come up in {PATIENCE:.0f} s ({', '.join(missing)}): see {self.home}"
                )
            self.demand_alive(processes)
            for name in self._healthy(dag_id) & set(missing):
                missing.remove(name)
                tell("API server" if name == "metadatabase" else name)
            time.sleep(0.3)

    def demand_alive(self, processes: Processes) -> None:
        """Raise if a process of Airflow has ended.

        :raises DemoError: naming it, with what it wrote last.
        """
        for name in set(processes.ended()) & set(COMPONENTS):
            raise DemoError(f"Airflow's {name} ended by itself:\n{self._tail(name)}")

    def _healthy(self, dag_id: str) -> set[str]:
        try:
            health = self.call("/api/v2/monitor/health", token=False)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return set()
        healthy = {name for name, state in health.items() if state and state.get("status") == "healthy"}
        if self.call(f"/api/v2/dags?dag_id_pattern={dag_id}")["total_entries"]:
            healthy.add(f"DAG {dag_id}")
        for error in self.call("/api/v2/importErrors")["import_errors"]:
            if error["filename"].endswith(f"{dag_id}.py"):
                raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        return healthy

    def call(self, path: str, body: dict[str, Any] | None = None, *, token: bool = True) -> Any:
        """Send a request to the REST API and return its JSON."""
        headers = {"Content-Type": "application/json"}
        if token:
            self._token = self._token or self.call("/auth/token", token=False)["access_token"]
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310  http:// always
        with Opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def _tail(self, name: str, lines: int = 15) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
