"""What the emulator's own tests share: looking at processes, and awaiting conditions instead of sleeping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_pgstream.emulator import PgStreamServer
from airflow_provider_pgstream.emulator._dresses import DRESSES

PATIENCE = 60.0  # seconds after which a condition is taken never to come
MODULE = "airflow_provider_pgstream.emulator"


def _eventually(condition: Callable[[], Any], what: str = "condition") -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"{what} did not come about in {PATIENCE:.0f} s"
        time.sleep(0.02)
    return seen


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Return what a condition gives as soon as it is true; fail if it never is."""
    return _eventually


def _command(process: psutil.Process) -> list[str]:
    """Return a process's command line; empty if it has ended, as sessions of the server do at any moment."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def _is_postmaster(command: list[str]) -> bool:
    return "-D" in command and Path(command[0]).name == "postgres"


@dataclass
class Emulator:
    """The emulator as a process of its own, as a user starts it."""

    process: subprocess.Popen[str]
    ready: str
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return self.ready.split(": ", 1)[1].split()[0]

    @property
    def supervisor(self) -> psutil.Process:
        return self._member(lambda command: any(word.endswith("supervisor.py") for word in command))

    @property
    def postmaster(self) -> psutil.Process:
        return self._member(_is_postmaster)

    @property
    def log_dir(self) -> Path:
        """The directory of the server's files, from the command line of its postmaster."""
        command = self.postmaster.cmdline()
        return Path(command[command.index("-D") + 1]).parent

    def _member(self, is_meant: Callable[[list[str]], bool]) -> psutil.Process:
        (member,) = [process for process in self.family if is_meant(_command(process))]
        return member

    def end(self, signal_number: int) -> tuple[int, str]:
        """Send a signal, and return the exit code and what was said on stderr."""
        self.process.send_signal(signal_number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def survivors(self) -> list[psutil.Process]:
        """Return which processes of the emulator are there after a fair time to go."""
        return psutil.wait_procs(self.family, timeout=20)[1]


@pytest.fixture
def open_dir(tmp_path: Path) -> Path:
    """A directory in which the server's operating-system user can write, pytest's own being closed to it."""
    for directory in tmp_path.parents[:2]:
        directory.chmod(0o755)
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.fixture
def run_emulator() -> Iterator[Callable[..., Emulator]]:
    """Start ``python -m airflow_provider_pgstream.emulator`` with arguments, and wait for its ready line."""
    started: list[Emulator] = []

    def run(*arguments: str, **popen: Any) -> Emulator:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **popen.pop("env", {})},
            **popen,
        )
        assert process.stdout is not None
        ready = process.stdout.readline().strip()
        assert ready.startswith("ready in "), process.communicate()[1]
        emulator = Emulator(process, ready, psutil.Process(process.pid).children(recursive=True))
        started.append(emulator)
        return emulator

    yield run
    for emulator in started:
        if emulator.process.poll() is None:
            emulator.end(signal.SIGTERM)
        for process in emulator.survivors():
            process.kill()


@pytest.fixture
def fail_emulator() -> Callable[..., str]:
    """Start the emulator with arguments that it must refuse; return the one sentence that it says."""

    def run(*arguments: str, **popen: Any) -> str:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, **popen.pop("env", {})},
            **popen,
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        said = [line for line in done.stderr.splitlines() if not line.startswith("[")]
        assert len(said) == 1, done.stderr
        return said[0]

    return run


@pytest.fixture(scope="module")
def server() -> Iterator[PgStreamServer]:
    """A server without background scheduler on which schedules may be as short as a second."""
    with _quick_server("pg_stream") as running:
        yield running


@pytest.fixture(scope="module")
def trickle_server() -> Iterator[PgStreamServer]:
    """The same that passes for pg_trickle."""
    with _quick_server("pg_trickle") as running:
        yield running


@pytest.fixture(scope="module", params=tuple(DRESSES))
def either(request: pytest.FixtureRequest) -> Iterator[PgStreamServer]:
    """The same in each dress, one after the other."""
    with _quick_server(request.param) as running:
        yield running


def _quick_server(engine: str) -> PgStreamServer:
    settings = {f"{engine}.min_schedule_seconds": "1", f"{engine}.scheduler_interval_ms": "50"}
    return PgStreamServer(engine=engine, scheduler=False, settings=settings)
