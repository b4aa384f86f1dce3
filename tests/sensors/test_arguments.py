"""What sensors are asked for: no asset unless it is wanted, and a pause between two polls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pgstream._compat import AIRFLOW_3
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.sensors import PgStreamCdcHealthSensor, PgStreamPopulatedSensor
from airflow_provider_pgstream.triggers import PgStreamRefreshTrigger

NAME = "public.order_totals"


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_sensor_emits_an_asset_only_if_asked(
    orders: Any, pgstream_conn_id: str, run_dag: Callable[..., Any], asked: bool, deferrable: bool
) -> None:
    orders.create()
    dag_id = f"emits_{asked}_{deferrable}"
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PgStreamPopulatedSensor(
            task_id="wait",
            stream_table=NAME,
            postgres_conn_id=pgstream_conn_id,
            deferrable=deferrable,
            **({"emit_asset": True} if asked else {}),
        )
    assert run_dag(dag).state == "success"
    assert emitted(dag_id) == (["public/order_totals"] if asked else [])


def emitted(dag_id: str) -> list[str]:
    """Return the tables whose assets a DAG has emitted."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    table = "asset" if AIRFLOW_3 else "dataset"
    query = (
        f"select uri from {table} where id in (select {table}_id from {table}_event where source_dag_id = :d)"
    )
    with create_session() as session:
        uris = [uri for (uri,) in session.execute(text(query), {"d": dag_id})]
    return ["/".join(uri.split("/")[-2:]) for uri in uris]


def test_health_sensor_has_no_asset_to_emit() -> None:
    with pytest.raises(TypeError, match="emit_asset"):
        PgStreamCdcHealthSensor(task_id="health", emit_asset=True)


@pytest.mark.parametrize("interval", [0, -1, 0.0, timedelta(0), timedelta(seconds=-5)])
@pytest.mark.parametrize("kind", [PgStreamPopulatedSensor, PgStreamCdcHealthSensor])
def test_poll_without_a_pause_is_refused(kind: Any, interval: Any) -> None:
    with pytest.raises(InvalidStreamTable, match=r"poke_interval=.* more than 0"):
        kind(task_id="wait", stream_table=NAME, poke_interval=interval)


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no asset watchers")
@pytest.mark.parametrize("interval", [0, -1])
def test_watch_without_a_pause_is_refused(interval: float) -> None:
    with pytest.raises(InvalidStreamTable, match="poll_interval"):
        PgStreamRefreshTrigger(NAME, poll_interval=interval)


@pytest.mark.parametrize("argument", ["emit_asset", "deferrable"])
def test_boolean_that_is_none_is_refused(argument: str) -> None:
    with pytest.raises(InvalidStreamTable, match=argument):
        PgStreamPopulatedSensor(task_id="wait", stream_table=NAME, **{argument: "no"})
