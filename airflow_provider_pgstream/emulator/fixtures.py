"""pytest fixtures ``pgstream_server`` and ``pgstream_dsn``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_pgstream.emulator._server import PgStreamServer


@pytest.fixture(scope="session")
def pgstream_settings() -> dict[str, str]:
    """Settings of the server, to be overridden in a ``conftest.py``: ``{"pg_stream.enabled": "off"}``."""
    return {}


@pytest.fixture(scope="session")
def pgstream_engine() -> str:
    """The engine that the emulator passes for, to be overridden in a ``conftest.py``: ``"pg_trickle"``."""
    return "pg_stream"


@pytest.fixture(scope="session")
def pgstream_server(pgstream_engine: str, pgstream_settings: dict[str, str]) -> Iterator[PgStreamServer]:
    """The emulator, started once for the session; its scheduler makes a turn when asked, and only then."""
    # Imported here, because pytest imports this module at every start, wherever the package is installed.
    from airflow_provider_pgstream.emulator._server import PgStreamServer

    with PgStreamServer(engine=pgstream_engine, scheduler=False, settings=pgstream_settings) as server:
        yield server


@pytest.fixture
def pgstream_dsn(pgstream_server: PgStreamServer) -> str:
    """The DSN of database ``postgres``, which holds nothing but the extension at the start of each test."""
    pgstream_server.reset()
    return pgstream_server.dsn()
