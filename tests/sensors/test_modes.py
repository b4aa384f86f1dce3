"""Sensors run by Airflow itself, in each mode: waiting, timing out, skipping, returning, emitting assets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from sqlalchemy import text

from airflow_provider_pgstream import _compat
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor
from tests.fixtures.engine import connect

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


@pytest.fixture
def populated_later(orders: Any, pgstream_dsn: str) -> Iterator[None]:
    """An empty stream table that another session populates after a while."""
    orders.create(initialize=False)
    waiting = threading.Event()

    def populate() -> None:
        with connect(pgstream_dsn, autocommit=True) as connection:
            waiting.wait(1)
            connection.execute("select pgstream.refresh_stream_table('public.order_totals')")

    thread = threading.Thread(target=populate)
    thread.start()
    yield
    waiting.set()
    thread.join()


@pytest.mark.parametrize("mode", list(MODES))
def test_sensor_waits_returns_emits_fails_and_is_skipped_in_every_mode(
    populated_later: None, run_dag: Callable[..., Any], pgstream_conn_id: str, mode: str
) -> None:
    shared = {
        "postgres_conn_id": pgstream_conn_id,
        "on_unattended": "wait",
        "poke_interval": 0.2,
        **MODES[mode],
    }
    with DAG(f"sensor_{mode}", start_date=datetime(2026, 1, 1), schedule=None) as dag:  # noqa: DTZ001
        PgStreamPopulatedSensor(
            task_id="wait", stream_table="{{ 'public.order_totals' }}", emit_asset=True, **shared
        )
        PgStreamPopulatedSensor(task_id="fails", stream_table="public.nowhere", **shared)
        for flag in ("soft_fail", "never_fail"):
            PgStreamPopulatedSensor(task_id=flag, stream_table="public.nowhere", **{flag: True}, **shared)
    tasks = {task.task_id: task for task in run_dag(dag).get_task_instances()}
    states = {name: str(task.state) for name, task in tasks.items()}
    assert states == {"wait": "success", "fails": "failed", "soft_fail": "skipped", "never_fail": "skipped"}
    value = tasks["wait"].xcom_pull(task_ids="wait")
    assert value["public.order_totals"]["is_populated"] is True
    assert any(uri.endswith("/postgres/public/order_totals") for uri in emitted())


def emitted() -> list[str]:
    """Return the URIs of all assets that had an event; Airflow 2 calls them datasets."""
    from airflow.utils.session import create_session

    table = "asset" if _compat.AIRFLOW_3 else "dataset"
    query = f"select uri from {table} where id in (select {table}_id from {table}_event)"
    with create_session() as session:
        return [uri for (uri,) in session.execute(text(query))]
