"""The health sensor: broken capture, a vanished source, a scheduler that is dead or moves nothing."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import CaptureBroken, StreamTableNotFound
from airflow_provider_pgstream.sensors import PgStreamCdcHealthSensor


def sensor(conn_id: str, **kwargs: Any) -> PgStreamCdcHealthSensor:
    return PgStreamCdcHealthSensor(task_id="health", postgres_conn_id=conn_id, **kwargs)


def test_sensor_succeeds_where_all_is_sound_and_says_what_it_saw(
    orders: Any, scheduler: None, pgstream_conn_id: str
) -> None:
    orders.create()
    seen = sensor(pgstream_conn_id).execute({})
    assert seen["public.orders"]["capture"] == "ok"
    assert seen["public.orders"]["stream_tables"] == ["public.order_totals"]


def test_sensor_needs_no_scheduler_where_none_serves(unserved_orders: Any, unserved_conn_id: str) -> None:
    unserved_orders.create()
    assert sensor(unserved_conn_id, stream_table="public.order_totals").execute({})


FAULTS = (
    ("alter table public.orders disable trigger user", "change trigger is disabled"),
    ("alter table public.orders enable trigger user", None),
    ("alter table public.orders disable trigger {truncate}", "change trigger is disabled"),
    ("drop trigger {truncate} on public.orders", "change trigger is missing"),
    ("drop table public.orders cascade", "was dropped or recreated"),
)


def test_sensor_fails_at_once_when_changes_are_not_captured(
    unserved_orders: Any, unserved_conn_id: str
) -> None:
    unserved_orders.create()
    oid = unserved_orders.sql("select 'public.orders'::regclass::oid")
    for statement, fault in FAULTS:
        unserved_orders.sql(statement.format(truncate=f"pg_stream_cdc_truncate_{oid}"))
        if fault is None:
            assert sensor(unserved_conn_id).execute({})
            continue
        with pytest.raises(CaptureBroken, match=fault) as error:
            sensor(unserved_conn_id).execute({})
        assert "public.order_totals" in str(error.value)


def test_sensor_looks_only_at_the_sources_of_the_tables_given(
    unserved_orders: Any, unserved_conn_id: str
) -> None:
    unserved_orders.create()
    unserved_orders.sql("create table public.other (id int primary key)")
    unserved_orders.sql("select pgstream.create_stream_table('public.o', 'select id from public.other')")
    unserved_orders.sql("alter table public.other disable trigger user")
    assert sensor(unserved_conn_id, stream_table="public.order_totals").execute({})
    with pytest.raises(CaptureBroken, match=r"public\.other"):
        sensor(unserved_conn_id, stream_table=["public.order_totals", "public.o"]).execute({})


def test_sensor_fails_at_once_when_a_table_does_not_exist(orders: Any, pgstream_conn_id: str) -> None:
    with pytest.raises(StreamTableNotFound):
        sensor(pgstream_conn_id, stream_table="public.nowhere").execute({})


@pytest.mark.emulator_only("a scheduler that can be stopped alone")
def test_sensor_fails_at_once_when_the_scheduler_is_dead(
    pgstream_server: Any, orders: Any, pgstream_conn_id: str
) -> None:
    orders.create()
    with pytest.raises(CaptureBroken, match="no scheduler is running in database 'postgres'"):
        sensor(pgstream_conn_id).execute({})


@pytest.mark.emulator_only("a scheduler that can be stopped alone")
def test_sensor_names_the_table_at_fault_when_the_scheduler_moves_nothing(
    pgstream_server: Any, orders: Any, pgstream_conn_id: str
) -> None:
    orders.create(schedule="1m")
    orders.sql(
        "select pgstream.create_stream_table('public.ratio', "
        "'select id, 100 / amount as ratio from public.orders', '1m')"
    )
    orders.sql("insert into public.orders values (3, 3, 0)")
    orders.sql("update pgstream.pgs_stream_tables set data_timestamp = data_timestamp - interval '1 hour'")
    with pytest.raises(CaptureBroken, match="does not refresh what is due") as error:
        sensor(pgstream_conn_id).execute({})
    assert "At fault: " in str(error.value)
    assert "public.ratio" in str(error.value).split("At fault: ")[1]
    assert "division by zero" in str(error.value)
    assert "public.order_totals" not in str(error.value).split("At fault: ")[1]
    assert orders.sql("select count(*) from public.ratio") == 2, "trial refreshes are rolled back"


@pytest.mark.skipif(
    not os.environ.get("PGSTREAM_TEST_DSN"), reason="only in the extension one failing table stops all others"
)
@pytest.mark.pg_stream_only("a table that fails stays alone")
def test_sensor_names_the_table_that_stops_the_extensions_scheduler(
    orders: Any, pgstream_conn_id: str
) -> None:
    orders.create(schedule="1s")
    ratio = "select id, 100 / amount as ratio from public.orders"
    orders.sql("select pgstream.create_stream_table('public.ratio', %s, '1s', 'FULL')", ratio)
    orders.sql("insert into public.orders values (3, 3, 0)")
    hour_ago = "update pgstream.pgs_stream_tables set data_timestamp = data_timestamp - interval '1 hour'"
    deadline = time.monotonic() + 60
    while True:
        orders.sql(hour_ago)  # the tables would be overdue in half a minute; the test does not wait for it
        try:
            sensor(pgstream_conn_id).execute({})
        except CaptureBroken as error:
            if "At fault: " in (said := str(error)):
                break
        assert time.monotonic() < deadline
    assert "public.ratio" in said.split("At fault: ")[1]
    assert "division by zero" in said
