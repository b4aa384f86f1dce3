"""The two processes of a running emulator: PostgreSQL under its supervisor, and the background scheduler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from airflow_provider_pgstream.emulator import _scheduler, _supervisor
from airflow_provider_pgstream.emulator._binaries import Binaries
from airflow_provider_pgstream.emulator._cluster import Cluster, environment
from airflow_provider_pgstream.emulator._dresses import Dress
from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._interrupts import put_off

PATIENCE = 30.0  # seconds for a child to do what takes it a fraction of one


class ServerProcess:
    """PostgreSQL on a cluster's data; ends with this process, whatever ends that."""

    def __init__(self, cluster: Cluster, binaries: Binaries) -> None:
        self.cluster = cluster
        self.binaries = binaries
        self._supervisor: subprocess.Popen[str] | None = None

    def running(self) -> bool:
        """Return whether the server is there."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self, port: int) -> str | None:
        """Start the server; return None when it is ready, or else what its log says."""
        log = self.cluster.server_log
        logged = log.stat().st_size if log.exists() else 0
        with put_off():
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_supervisor.__file__), json.dumps(self._order(port))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                cwd="/",
                env=environment(),
                start_new_session=True,  # a Ctrl-C in the terminal is for this process, which stops it
            )
        assert self._supervisor.stdout is not None  # noqa: S101
        with self._supervisor.stdout as words:
            ready = words.readline().strip() == "ready"
        if ready:
            return None
        self._supervisor.wait(PATIENCE)
        self._supervisor = None
        return self.cluster.complaint(since=logged)

    def _order(self, port: int) -> dict[str, object]:
        cluster = self.cluster
        postgres = str(self.binaries.bin_dir / "postgres")
        return {
            "parent": os.getpid(),
            "command": [postgres, "-D", str(cluster.data_dir), "-p", str(port)],
            "data_dir": str(cluster.data_dir),
            "log": str(cluster.server_log),
            "remove": str(cluster.directory) if cluster.temporary else None,
            "popen": cluster.user.popen_arguments(),
        }

    def stop(self, immediate: bool) -> None:
        """Stop the server, in order or as if the machine had lost power."""
        if self._supervisor is not None:
            self._supervisor.send_signal(signal.SIGQUIT if immediate else signal.SIGTERM)
            self._supervisor.wait()
            self._supervisor = None

    def wait(self) -> None:
        """Return when the server has ended by itself."""
        if self._supervisor is not None:
            self._supervisor.wait()


class SchedulerProcess:
    """The scheduler, beside this process; ends with it."""

    def __init__(self, log: Path, dress: Dress) -> None:
        self.log = log
        self.dress = dress
        self._process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Return whether the scheduler is there."""
        return self._process is not None and self._process.poll() is None

    def launch(self, dsn: str) -> None:
        """Start the scheduler, and do not wait for it."""
        with open(self.log, "ab") as output, put_off():
            self._process = subprocess.Popen(
                [sys.executable, "-m", _scheduler.__name__, *self._options(), dsn],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(),
                start_new_session=True,
            )

    def _options(self) -> list[str]:
        return ["--parent", str(os.getpid()), "--engine", self.dress.extension]

    def await_session(self, dsn: str) -> None:
        """Return when the scheduler has a session on the server.

        :raises EmulatorError: if it ends instead.
        """
        query = "select from pg_stat_activity where application_name = %s"
        deadline = time.monotonic() + PATIENCE
        with psycopg.connect(dsn, autocommit=True) as connection:
            while connection.execute(query, [self.dress.scheduler_name]).fetchone() is None:
                if not self.running() or time.monotonic() > deadline:
                    raise EmulatorError(f"the scheduler did not start: {self._last_words()}")
                time.sleep(0.02)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it does not say why"

    def stop(self) -> None:
        """Stop the scheduler, whatever it is doing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
