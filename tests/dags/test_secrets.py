"""A connection's password: in nothing that Airflow keeps or logs of tasks that succeed, fail or wait."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, conf

from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor
from tests.fixtures.orders import NAME

SECRET = token_hex(8)  # not to be found in the source of the DAG, which Airflow keeps, too


@pytest.fixture
def secret_conn_id(pgstream_conn_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A connection to the test's database that has a password, whether or not the server asks for it."""
    connection = json.loads(os.environ[f"AIRFLOW_CONN_{pgstream_conn_id.upper()}"])
    monkeypatch.setenv("AIRFLOW_CONN_SECRET", json.dumps({**connection, "password": SECRET}))
    return "secret"


def kept_by_airflow() -> str:
    """Return everything in Airflow's database, as text: XComs, rendered templates, serialized DAGs."""
    path = conf.get("database", "sql_alchemy_conn").removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        return "\n".join(connection.iterdump())


def written_to_logs() -> str:
    """Return the log files of all tasks."""
    folder = Path(conf.get("logging", "base_log_folder"))
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))


def test_password_is_in_nothing_that_airflow_keeps_or_logs(
    run_dag: Any, orders: Any, secret_conn_id: str, told: Callable[[], str]
) -> None:
    orders.create(initialize=False)
    shared = {"postgres_conn_id": secret_conn_id}
    with DAG("secrets", schedule=None, start_date=datetime(2025, 1, 1, tzinfo=UTC)) as dag:
        PgStreamRefreshOperator(
            task_id="refresh", stream_table="{{ 'public.order_totals' }}", **shared
        ) >> PgStreamPopulatedSensor(task_id="populated", stream_table=NAME, deferrable=True, **shared)
        PgStreamRefreshOperator(task_id="fails", stream_table="public.no_such_table", **shared)

    tasks = {ti.task_id: str(ti.state) for ti in run_dag(dag).get_task_instances()}

    assert tasks == {"refresh": "success", "populated": "success", "fails": "failed"}
    kept = kept_by_airflow()
    assert "public.no_such_table" in kept  # the rendered template: it is the right database
    for text in (kept, written_to_logs(), told()):
        assert SECRET not in text
