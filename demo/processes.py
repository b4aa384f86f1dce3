"""Processes that are started together and end together, with all that they have started themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from demo.signals import held

PATIENCE = 3.0  # seconds to end in an orderly way; nothing of value is lost by a kill


class Processes:
    """A context manager that leaves none of its processes behind, however the block ends.

    Each is the leader of a session of its own: a Ctrl-C in the terminal does not reach it, and whatever it
    starts, in whichever process group, is found by the session's number.
    """

    def __init__(self) -> None:
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with held():
            self.stop()

    def start(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start a process whose output goes to a file."""
        with held(), log.open("ab") as output:
            self.started[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )

    def wait(self, name: str) -> int:
        """Return a process's exit code when it has ended."""
        return self.started[name].wait()

    def ended(self) -> dict[str, int]:
        """Return the exit code of each process that has ended."""
        return {
            name: process.returncode for name, process in self.started.items() if process.poll() is not None
        }

    def stop(self) -> None:
        """End all of them: asked first, then made to."""
        sessions = {process.pid for process in self.started.values()}
        for process in self.started.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + PATIENCE
        while _members(sessions) and time.monotonic() < deadline:
            for process in self.started.values():
                process.poll()
            time.sleep(0.1)
        while members := _members(sessions):
            for pid in members:
                _kill(pid)
            for process in self.started.values():
                process.poll()
            time.sleep(0.05)
        for process in self.started.values():
            process.wait()  # the dead are no members, and want to be fetched all the same
        self.started.clear()


def _members(sessions: set[int]) -> list[int]:
    if not sessions:
        return []
    # Not `ps`, which a small machine does not have.
    return [pid for pid in psutil.pids() if _session(pid) in sessions and _works(pid)]


def _works(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
