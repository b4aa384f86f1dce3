"""Whenever the demo is interrupted, nothing that it started is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds for what must happen


def start(*command: str | Path, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Start a command as a terminal would: at the head of a process group."""
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def working(process: psutil.Process) -> str | None:
    """Return the name of a process that has not ended; any may end between two looks at it."""
    with suppress(psutil.NoSuchProcess):
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return process.name()
    return None


def gone(processes: list[psutil.Process]) -> bool:
    return not any(working(process) for process in processes)


def left_by(demo: subprocess.Popen[str], demo_dir: Path) -> list[str]:
    """Return the processes that work in the demo's directory, or for the server that it started."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(demo_dir) in process.environ().get("AIRFLOW_HOME", "") or any(
                f'"parent": {demo.pid},' in argument for argument in process.cmdline()
            ):
                left.append(" ".join(process.cmdline()))
    return left


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("starting PostgreSQL 18 with the emulated pg_stream", signal.SIGINT),
        ("making Airflow's own tables", signal.SIGINT),
        ("starting Airflow", signal.SIGTERM),
        ("API server is up", signal.SIGINT),
    ],
)
def test_an_interrupted_demo_leaves_no_process(line: str, number: signal.Signals, demo_dir: Path) -> None:
    demo = start(sys.executable, "-m", "demo")
    assert demo.stdout is not None
    output = []
    while line not in (output or [""])[-1]:
        output.append(demo.stdout.readline())
        assert output[-1], f"it ended by itself: {output}"
    started = descendants(demo)
    if "Airflow" in line:
        eventually(lambda: left_by(demo, demo_dir) != [])

    # A Ctrl-C in a terminal reaches the whole group, a SIGTERM from outside the process alone.
    os.killpg(demo.pid, number) if number == signal.SIGINT else demo.send_signal(number)
    rest, _ = demo.communicate(timeout=PATIENCE)

    assert demo.returncode == 128 + number
    assert "nothing is left running" in rest
    assert "Traceback" not in rest
    assert gone(started)
    assert left_by(demo, demo_dir) == []


def test_an_interrupted_installation_leaves_no_process(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "demo", tmp_path / "demo")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "env.sh").write_text("pgstream_env() { sleep 600; echo never; }\n")
    demo = start(sys.executable, "-m", "demo.start", cwd=tmp_path)
    eventually(lambda: "sleep" in {working(process) for process in descendants(demo)})
    started = descendants(demo)

    demo.send_signal(signal.SIGTERM)
    rest, _ = demo.communicate(timeout=PATIENCE)

    assert demo.returncode == 128 + signal.SIGTERM
    assert "stopped while installing" in rest
    eventually(lambda: gone(started))


def test_a_second_demo_at_the_same_time_is_refused() -> None:
    first = start(sys.executable, "-m", "demo")
    assert first.stdout is not None
    while "making Airflow's own tables" not in first.stdout.readline():
        assert first.poll() is None
    second = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    first.terminate()
    first.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert "another demo is running" in second.stderr
