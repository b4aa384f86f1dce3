"""A hook for a connection that differs from the test's."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook


@pytest.fixture
def connect_as(pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a hook for a connection that differs from the test's in the fields given."""

    def make(**fields: Any) -> PgStreamHook:
        url = urlsplit(pgstream_dsn)
        connection = {
            "conn_type": "pgstream",
            "host": url.hostname,
            "port": url.port,
            "login": url.username,
            "schema": url.path.lstrip("/"),
        }
        monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({**connection, **fields}))
        return PgStreamHook(postgres_conn_id="odd")

    return make
