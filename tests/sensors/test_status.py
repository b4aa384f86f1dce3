"""The status sensor."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import InvalidStreamTable, StreamTableFailed
from airflow_provider_pgstream.sensors import PgStreamStatusSensor


def sensor(conn_id: str, **kwargs: Any) -> PgStreamStatusSensor:
    return PgStreamStatusSensor(
        task_id="wait", stream_table="public.order_totals", postgres_conn_id=conn_id, **kwargs
    )


def test_sensor_waits_for_the_status(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(initialize=False)
    waiting = sensor(pgstream_conn_id)
    assert not waiting.poke({})
    orders.refresh()
    assert waiting.poke({}).xcom_value["public.order_totals"]["status"] == "ACTIVE"


def test_sensor_knows_both_words_for_paused(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    sensors = [sensor(pgstream_conn_id, target_status=word) for word in ("PAUSED", "paused", "suspended")]
    assert not any(waiting.poke({}) for waiting in sensors)
    orders.set_status("SUSPENDED")
    assert all(waiting.poke({}) for waiting in sensors)


def test_sensor_fails_at_once_in_error_unless_that_is_waited_for(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    orders.sql("drop table public.orders cascade")
    with pytest.raises(StreamTableFailed, match="is ERROR, not ACTIVE"):
        sensor(pgstream_conn_id).execute({})
    assert sensor(pgstream_conn_id, target_status="ERROR").execute({})


def test_sensor_refuses_a_status_that_the_engine_does_not_have() -> None:
    with pytest.raises(InvalidStreamTable, match="unknown status 'LAZY'"):
        assert sensor("c", target_status="LAZY").condition
