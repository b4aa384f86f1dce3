"""
One server for all the workers of a pytest-xdist run.

The process that starts the workers listens, and starts a server when the first of them asks for it; it ends
with that process. A worker has databases of its own on it.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread
from typing import NoReturn

from airflow_provider_pgstream.emulator import _databases
from airflow_provider_pgstream.emulator._children import SchedulerProcess
from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._server import DATABASE, PgStreamServer


class SharedServers:
    """Starts a server for each engine and settings that a worker asks for, once, and stops them all."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        directory = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="pgstream-")
        )  # the caller's alone
        self._key = secrets.token_bytes(32)
        self._listener = Listener(f"{directory}/ask", "AF_UNIX", authkey=self._key)
        self._servers: dict[tuple[str, frozenset[tuple[str, str]]], PgStreamServer] = {}
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def offer(self) -> dict[str, str]:
        """Return what a worker has to know, as pytest-xdist can send it."""
        return {"address": str(self._listener.address), "key": self._key.hex()}

    def _serve(self) -> None:
        while True:
            try:
                with self._listener.accept() as worker:
                    question = worker.recv()
                    if question is None:
                        return
                    worker.send(self._answer(*question))
            except (EOFError, OSError, AuthenticationError):  # a worker that died while it asked
                continue

    def _answer(self, engine: str, settings: dict[str, str]) -> tuple[int, str | None] | str:
        key = (engine, frozenset(settings.items()))
        try:
            if key not in self._servers:
                server = PgStreamServer(engine=engine, scheduler=False, settings=settings)
                self._servers[key] = self._stack.enter_context(server)
        except EmulatorError as error:
            return str(error)
        return self._servers[key].port, self._servers[key].password

    def stop(self) -> None:
        """Stop all servers."""
        with Client(str(self._listener.address), "AF_UNIX", authkey=self._key) as last:
            last.send(None)
        self._thread.join()
        self._listener.close()
        self._stack.close()


@dataclass(frozen=True)
class Worker:
    """One worker of a run, and what it was told of the server."""

    name: str
    address: str
    key: str

    def reaches_it(self) -> bool:
        """Return whether the server is on this machine."""
        return Path(self.address).exists()

    @contextmanager
    def server(self, engine: str, settings: Mapping[str, str]) -> Iterator[WorkersServer]:
        """Ask for the server, and give the worker its databases for the time of the ``with`` block.

        :raises EmulatorError: if it could not be started.
        """
        with Client(self.address, "AF_UNIX", authkey=bytes.fromhex(self.key)) as asked:
            asked.send((engine, dict(settings)))
            answer = asked.recv()
        if isinstance(answer, str):
            raise EmulatorError(answer)
        port, password = answer
        with tempfile.TemporaryDirectory(prefix="pgstream-") as directory:
            server = WorkersServer(self.name, engine, port, password, Path(directory))
            server.reset()
            try:
                yield server
            finally:
                server.stop_scheduler()


class WorkersServer(PgStreamServer):
    """The shared server as one worker has it: databases of its own, and nothing that concerns the others."""

    def __init__(self, name: str, engine: str, port: int, password: str, directory: Path) -> None:
        super().__init__(port, engine=engine, password=password, scheduler=False)
        self.name = name
        self._scheduler = SchedulerProcess(directory / "scheduler.log", self._dress, f"{name}_")

    @property
    def running(self) -> bool:
        """Whether the server is there: it is, while there are workers."""
        return True

    def _demand_started(self) -> None:
        pass

    def _named(self, database: str) -> str:
        return self.name if database == DATABASE else f"{self.name}_{database}"

    def reset(self) -> None:
        """Bring the worker's databases back to how they were at first; roles and settings are everybody's."""
        with self._connect("template1") as connection:
            _databases.reset_one(connection, self.name)

    def _refuse(self, *_args: object, **_options: object) -> NoReturn:
        raise EmulatorError(
            "this server is shared by all workers of pytest-xdist: for what stops or restarts it, take one "
            "of the test's own: with PgStreamServer(...) as server"
        )

    start = stop = down = restart = wait = _refuse
    log_dir = property(_refuse)
