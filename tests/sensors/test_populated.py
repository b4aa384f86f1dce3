"""The populated sensor on a worker: poke and reschedule mode, and the first look of a deferrable one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred

from airflow_provider_pgstream.exceptions import (
    InvalidStreamTable,
    StreamTableFailed,
    StreamTableNotFound,
    StreamTableUnattended,
)
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor


def sensor(conn_id: str, stream_table: Any = "public.order_totals", **kwargs: Any) -> PgStreamPopulatedSensor:
    return PgStreamPopulatedSensor(
        task_id="wait", stream_table=stream_table, postgres_conn_id=conn_id, **kwargs
    )


def test_sensor_returns_what_it_saw_of_a_populated_table(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    seen = sensor(pgstream_conn_id).execute({})
    assert seen["public.order_totals"]["is_populated"] is True
    assert seen["public.order_totals"]["status"] == "ACTIVE"
    assert isinstance(seen["public.order_totals"]["data_timestamp"], str)


def test_sensor_fails_at_once_when_the_table_does_not_exist(orders: Any, pgstream_conn_id: str) -> None:
    with pytest.raises(StreamTableNotFound, match=r"stream table public\.order_totals does not exist"):
        sensor(pgstream_conn_id).execute({})


def test_sensor_fails_at_once_when_nothing_will_populate_the_table(
    orders: Any, pgstream_conn_id: str
) -> None:
    orders.create(initialize=False)
    with pytest.raises(StreamTableUnattended) as error:
        sensor(pgstream_conn_id).execute({})
    assert 'PgStreamRefreshOperator(when="unpopulated")' in str(error.value)
    assert 'on_unattended="wait"' in str(error.value)


def test_sensor_fails_at_once_when_no_scheduler_serves_the_database(
    unserved_orders: Any, unserved_conn_id: str
) -> None:
    unserved_orders.create(initialize=False)
    unserved_orders.set_status("ACTIVE")
    with pytest.raises(StreamTableUnattended, match="no scheduler serves this database"):
        sensor(unserved_conn_id).execute({})


def test_sensor_waits_for_another_process_where_told_to(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(initialize=False)
    waiting = sensor(pgstream_conn_id, on_unattended="wait")
    assert not waiting.poke({})
    orders.refresh()
    assert waiting.poke({})


def test_sensor_fails_at_once_when_an_empty_table_is_in_error(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(initialize=False)
    orders.sql("drop table public.orders cascade")
    with pytest.raises(StreamTableFailed, match="is in ERROR"):
        sensor(pgstream_conn_id).execute({})


def test_sensor_warns_when_a_populated_table_is_paused(orders: Any, pgstream_conn_id: str, told: Any) -> None:
    orders.create()
    orders.set_status("SUSPENDED")
    sensor(pgstream_conn_id).execute({})
    assert "is SUSPENDED (paused): nothing refreshes it any more" in told()


def test_sensor_names_those_of_a_list_that_are_still_missing(
    orders: Any, pgstream_conn_id: str, told: Any
) -> None:
    orders.create("public.a")
    orders.create("public.b", initialize=False)
    orders.create("public.c", initialize=False)
    waiting = sensor(pgstream_conn_id, ["public.a", "b", "public.c"], on_unattended="wait")
    assert not waiting.poke({})
    reason = told()
    assert "2 of 3 are missing" in reason
    assert "public.b" in reason
    assert "public.c" in reason
    assert "public.a" not in reason
    assert not waiting.poke({})
    assert told() == "", "a reason is told once"
    for name in ("public.b", "public.c"):
        orders.refresh(name)
    assert list(waiting.poke({}).xcom_value) == ["public.a", "public.b", "public.c"]


def test_sensor_resolves_a_bare_name_in_the_current_schema(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    assert list(sensor(pgstream_conn_id, "order_totals").execute({})) == ["public.order_totals"]


@pytest.mark.parametrize("name", ["Public.Orders", "a.b.c", "", " t", [], None])
def test_sensor_refuses_a_name_that_the_engine_cannot_hold_without_a_connection(name: Any) -> None:
    with pytest.raises(InvalidStreamTable):
        sensor("no_such_connection", name).execute({})


def test_sensor_is_skipped_instead_of_failed_where_told_to(pgstream_conn_id: str) -> None:
    for flag, deferrable in itertools.product(["soft_fail", "never_fail"], [False, True]):
        waiting = sensor(pgstream_conn_id, deferrable=deferrable, **{flag: True})
        with pytest.raises(AirflowSkipException, match="does not exist"):
            waiting.execute({})


def test_deferrable_sensor_defers_only_if_it_has_to_wait(orders: Any, pgstream_conn_id: str) -> None:
    orders.create(initialize=False)
    waiting = sensor(pgstream_conn_id, deferrable=True, on_unattended="wait", timeout=77)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute({})
    assert deferred.value.timeout.total_seconds() == 77
    assert waiting.poke_interval == 5
    orders.refresh()
    assert waiting.execute({})["public.order_totals"]["is_populated"]
