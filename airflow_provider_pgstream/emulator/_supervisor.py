"""Runs one PostgreSQL server and outlives whoever started it, just long enough to stop it.

A postmaster whose parent was killed lives on for ever. So a small process of its own stands between: it sees
that its parent is gone, stops the server and removes its temporary files. It is run by path, with the
standard library alone, so that it starts at once::

    python -I -S _supervisor.py '{"parent": 1, "command": […], …}'
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PATIENCE = 10.0  # seconds that a server is given to stop before it is made to
GLANCE = 0.1  # seconds between two looks at the parent and the server
PR_SET_PDEATHSIG = 1


class Supervisor:
    """Holds one server, from its start until someone wants it stopped."""

    def __init__(
        self,
        *,
        parent: int,
        command: list[str],
        data_dir: str,
        log: str,
        remove: str | None,
        popen: dict[str, Any],
    ) -> None:
        self.parent = parent
        self.data_dir = Path(data_dir)
        self.remove = remove
        self.stop_signal: signal.Signals | None = None
        self.wanted_down = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._on_signal)
        # Whoever started this had them blocked, so that none came before there was a handler.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with open(log, "ab") as output:
            self.server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_follow_supervisor,
                **popen,
            )

    def _on_signal(self, number: int, _frame: object) -> None:
        # SIGQUIT is PostgreSQL's immediate shutdown, as if the power had failed; SIGINT the orderly one.
        self.stop_signal = signal.SIGQUIT if number == signal.SIGQUIT else signal.SIGINT
        self.wanted_down.set()

    def orphaned(self) -> bool:
        return os.getppid() != self.parent

    def run(self) -> int:
        """Say ``ready``, wait until the server ends or has to, and return an exit code."""
        while self._running() and not self._ready():
            time.sleep(0.01)
        if self._running():
            print("ready", flush=True)
        while self._running():
            self.wanted_down.wait(GLANCE)
        died = self.server.poll() is not None
        self._stop()
        if self.remove and self.orphaned():
            shutil.rmtree(self.remove, ignore_errors=True)
        return 1 if died else 0

    def _running(self) -> bool:
        return self.server.poll() is None and not self.wanted_down.is_set() and not self.orphaned()

    def _ready(self) -> bool:
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.server.pid) and lines[7].strip() == "ready"

    def _stop(self) -> None:
        for number in (self.stop_signal or signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self.server.poll() is not None:
                return
            self.server.send_signal(number)
            try:
                self.server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                continue


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _follow_supervisor() -> None:
    # Where the kernel can do it, not even SIGKILL of this process leaves a server behind.
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))


if __name__ == "__main__":
    sys.exit(Supervisor(**json.loads(sys.argv[1])).run())
