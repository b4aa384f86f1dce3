"""What tests of sensors and triggers share: orders, a database without a scheduler, and what was logged."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from airflow.triggers.base import BaseTrigger

from tests.airflow.firing import fired

QUERY = "select customer_id, sum(amount) as total from public.orders group by customer_id"
UNSERVED = "pgstream_unserved"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a server with the real extension, leave out what only the emulator can do."""
    if not os.environ.get("PGSTREAM_TEST_DSN"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents and (mark := item.get_closest_marker("emulator_only")):
            item.add_marker(pytest.mark.skip(reason=f"needs {mark.args[0]}"))


class Orders:
    """A database with a table ``public.orders``, and stream tables made on it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.sql("create table public.orders (id int primary key, customer_id int, amount int)")
        self.sql("insert into public.orders values (1, 1, 10), (2, 2, 20)")

    def sql(self, statement: str, *params: Any) -> Any:
        """Run a statement; return the first value of its first row, if it has one."""
        cursor = self.connection.execute(statement, params or None)  # type: ignore[arg-type]
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def create(
        self, name: str = "public.order_totals", *, initialize: bool = True, schedule: str | None = "1h"
    ) -> str:
        """Create a stream table on the orders."""
        self.sql(
            "select pgstream.create_stream_table(%s, %s, %s, 'DIFFERENTIAL', %s)",
            name,
            QUERY,
            schedule,
            initialize,
        )
        return name

    def refresh(self, name: str = "public.order_totals") -> None:
        """Refresh one by hand."""
        self.sql("select pgstream.refresh_stream_table(%s)", name)

    def set_status(self, status: str, name: str = "public.order_totals") -> None:
        """Pause or resume one by hand."""
        self.sql("select pgstream.alter_stream_table(%s, status => %s)", name, status)


@pytest.fixture
def orders(pgstream_dsn: str) -> Iterator[Orders]:
    """The test's database, with orders."""
    with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
        yield Orders(connection)


@pytest.fixture
def unserved_conn_id(pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A connection to a database that has the extension, and that no scheduler serves."""
    with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
        connection.execute(f"drop database if exists {UNSERVED} with (force)")
        connection.execute(f"create database {UNSERVED}")
        dsn = pgstream_dsn.rsplit("/", 1)[0] + "/" + UNSERVED
        with psycopg.connect(dsn, autocommit=True) as inside:
            inside.execute("create extension pg_stream")
        monkeypatch.setenv(f"AIRFLOW_CONN_{UNSERVED.upper()}", dsn.replace("postgresql://", "postgres://"))
        yield UNSERVED
        connection.execute(f"drop database {UNSERVED} with (force)")


@pytest.fixture
def unserved_orders(pgstream_dsn: str, unserved_conn_id: str) -> Iterator[Orders]:
    """The database of ``unserved_conn_id``, with orders."""
    dsn = pgstream_dsn.rsplit("/", 1)[0] + "/" + UNSERVED
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield Orders(connection)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the task has logged since the last call."""

    def read() -> str:
        captured = capsys.readouterr()
        # Once a DAG was run, Airflow 2.11 logs through the handlers of its tasks only.
        logged = caplog.text
        caplog.clear()
        return captured.out + captured.err + logged

    return read


@pytest.fixture
async def background() -> AsyncIterator[Callable[[BaseTrigger], asyncio.Task[dict[str, Any]]]]:
    """Start triggers as tasks; whatever still runs at the end is cancelled."""
    tasks: list[asyncio.Task[dict[str, Any]]] = []

    def start(trigger: BaseTrigger) -> asyncio.Task[dict[str, Any]]:
        tasks.append(asyncio.create_task(fired(trigger)))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Started:
    """A call that runs beside the test."""

    def __init__(self, call: Callable[..., Any], *args: Any) -> None:
        self._future: Future[Any] = Future()
        self._thread = Thread(target=self._run, args=(call, *args), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[..., Any], *args: Any) -> None:
        try:
            self._future.set_result(call(*args))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._future.set_exception(error)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return not self._future.done()

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        return self._future.result(timeout=60)


@pytest.fixture
def in_thread() -> Callable[..., Started]:
    """Run a call beside the test."""
    return Started


@pytest.fixture
def scheduler(request: pytest.FixtureRequest) -> Iterator[None]:
    """The engine's scheduler at work: the extension always has one, the emulator when asked."""
    if os.environ.get("PGSTREAM_TEST_DSN"):
        yield
        return
    server = request.getfixturevalue("pgstream_server")
    request.getfixturevalue("pgstream_dsn")  # empties the server, which ends all sessions
    server.start_scheduler()
    yield
    server.stop_scheduler()
