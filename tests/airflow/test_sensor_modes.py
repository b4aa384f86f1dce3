"""Sensors run by Airflow itself, in each mode: waiting, timing out, skipping, returning, emitting assets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import DAG
from sqlalchemy import text

from airflow_provider_pgstream import compat
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


@pytest.fixture(params=list(MODES))
def run_sensor(
    request: pytest.FixtureRequest, run_dag: Callable[..., Any], pgstream_conn_id: str
) -> Callable[..., Any]:
    """Run a populated sensor in one of the modes; return its task instance."""

    def run(**kwargs: Any) -> Any:
        with DAG(f"sensor_{request.param}", start_date=datetime(2026, 1, 1), schedule=None) as dag:  # noqa: DTZ001
            PgStreamPopulatedSensor(
                task_id="wait",
                stream_table=kwargs.pop("stream_table", "{{ 'public.order_totals' }}"),
                postgres_conn_id=pgstream_conn_id,
                poke_interval=0.5,
                on_unattended="wait",
                **MODES[request.param],
                **kwargs,
            )
        (instance,) = run_dag(dag).get_task_instances()
        return instance

    return run


@pytest.fixture
def populated_later(orders: Any, pgstream_dsn: str) -> Iterator[None]:
    """An empty stream table that another session populates after a while."""
    orders.create(initialize=False)
    waiting = threading.Event()

    def populate() -> None:
        with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
            waiting.wait(3)
            connection.execute("select pgstream.refresh_stream_table('public.order_totals')")

    thread = threading.Thread(target=populate)
    thread.start()
    yield
    waiting.set()
    thread.join()


def test_sensor_waits_returns_and_emits_the_asset(
    populated_later: None, run_sensor: Callable[..., Any], pgstream_dsn: str
) -> None:
    instance = run_sensor()
    assert instance.state == "success"
    assert instance.xcom_pull(task_ids="wait")["public.order_totals"]["is_populated"] is True
    assert any(uri.endswith("/postgres/public/order_totals") for uri in emitted())


def emitted() -> list[str]:
    """Return the URIs of all assets that had an event; Airflow 2 calls them datasets."""
    from airflow.utils.session import create_session

    table = "asset" if compat.AIRFLOW_3 else "dataset"
    query = f"select uri from {table} where id in (select {table}_id from {table}_event)"
    with create_session() as session:
        return [uri for (uri,) in session.execute(text(query))]


def test_sensor_fails_when_the_table_is_missing(orders: Any, run_sensor: Callable[..., Any]) -> None:
    assert run_sensor(stream_table="public.nowhere").state == "failed"


@pytest.mark.parametrize("flag", ["soft_fail", "never_fail"])
def test_sensor_is_skipped_when_the_table_is_missing(
    orders: Any, run_sensor: Callable[..., Any], flag: str
) -> None:
    assert run_sensor(stream_table="public.nowhere", **{flag: True}).state == "skipped"
