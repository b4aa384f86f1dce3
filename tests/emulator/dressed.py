"""Connections for tests that run in both dresses: said in pg_stream's names, heard in the server's own."""

from __future__ import annotations

from typing import Any

import psycopg

from airflow_provider_pgstream.emulator import PgStreamServer
from airflow_provider_pgstream.emulator._dresses import DRESSES


def connect(server: PgStreamServer, **parameters: Any) -> psycopg.Connection[Any]:
    """Open a session whose statements are put into the names of the server's engine."""
    dress = DRESSES[server.engine]

    class Dressed(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            return super().execute(dress.translated(query), params, **options)

    return psycopg.connect(server.dsn(), autocommit=True, cursor_factory=Dressed, **parameters)
