"""Faults, made to happen while sensors wait and refreshes run in triggers: nothing is lost, nothing hangs."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Populated
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.exceptions import ConnectionFailed
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor
from airflow_provider_pgstream.triggers import PgStreamRefreshOperationTrigger, StreamTableTrigger
from tests.fixtures.engine import connect, create, dressed
from tests.triggers.firing import PATIENCE, eventually, fired

OURS = "from pg_stat_activity where application_name = 'airflow-provider-pgstream'"
SESSIONS = f"select count(*) {OURS}"
REFRESHING = f"select count(*) {OURS} and state = 'active' and query like '%refresh_stream_table%'"
LOCKS = (
    "select count(*) from pg_locks join pg_stat_activity using (pid)"
    " where locktype = 'advisory' and backend_type = 'client backend'"  # a scheduler may have its own
)


@pytest.fixture
def slow(orders: Any) -> Any:
    """Orders with a stream table whose refresh waits for as long as a test holds an advisory lock."""
    orders.sql(
        "create function public.gate(x int) returns int language plpgsql stable as "
        "$$ begin perform pg_advisory_xact_lock_shared(4242); return x; end $$"
    )
    query = "select id, public.gate(amount) as amount from public.orders"
    create(orders.connection, "public.slow", query, None, "FULL", initialize=False)
    return orders


def refresh_of(conn_id: str, *names: str, **plan: Any) -> PgStreamRefreshOperationTrigger:
    return PgStreamRefreshOperationTrigger(RefreshPlan(list(names), **plan).to_json(), conn_id)


def waits(conn_id: str, name: str) -> StreamTableTrigger:
    condition = conditions.to_json(Populated("wait"))
    return StreamTableTrigger([name], condition, postgres_conn_id=conn_id, poll_interval=0.2)


@pytest.mark.emulator_only("a server that only the emulator can restart")
@pytest.mark.parametrize("immediate", [False, True])
async def test_a_hundred_deferred_sensors_outlive_a_restart_of_the_server(
    pgstream_server: Any,
    pgstream_dsn: str,
    pgstream_conn_id: str,
    orders: Any,
    background: Any,
    immediate: bool,
) -> None:
    names = [orders.create(f"public.t{number}", initialize=False) for number in range(5)]
    waiting = [background(waits(pgstream_conn_id, names[number % 5])) for number in range(100)]
    await eventually(lambda: orders.sql(SESSIONS))
    await asyncio.to_thread(pgstream_server.restart, immediate=immediate)
    assert not any(task.done() for task in waiting)
    with connect(pgstream_dsn, autocommit=True) as connection:
        for name in names:
            connection.execute("select pgstream.refresh_stream_table(%s)", (name,))
        events = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
        assert {event["status"] for event in events} == {"success"}
        sessions = connection.execute(SESSIONS).fetchone()
        assert sessions is not None
        assert sessions[0] <= 1


async def test_sensors_come_back_when_their_session_is_terminated(
    orders: Any, pgstream_conn_id: str, background: Any
) -> None:
    orders.create(initialize=False)
    waiting = background(waits(pgstream_conn_id, "public.order_totals"))
    for _ in range(3):
        await eventually(lambda: orders.sql(SESSIONS))
        orders.sql(f"select count(pg_terminate_backend(pid, 5000)) {OURS}")
    orders.refresh()
    assert (await asyncio.wait_for(waiting, PATIENCE))["status"] == "success"


async def test_a_deferred_refresh_that_is_cancelled_ends_its_statement_and_leaves_nothing(
    slow: Any, pgstream_conn_id: str, background: Any
) -> None:
    slow.sql("select pg_advisory_lock(4242)")
    refreshing = background(refresh_of(pgstream_conn_id, "public.slow"))
    await eventually(lambda: slow.sql(REFRESHING))
    refreshing.cancel()
    await asyncio.gather(refreshing, return_exceptions=True)
    await eventually(lambda: slow.sql(SESSIONS) == 0)
    slow.sql("select pg_advisory_unlock(4242)")
    assert slow.sql("select is_populated from pgstream.pgs_stream_tables where pgs_name = 'slow'") is False
    assert slow.sql(LOCKS) == 0
    event = await fired(refresh_of(pgstream_conn_id, "public.slow"))
    assert event["results"]["public.slow"]["outcome"] == "refreshed"


async def test_a_deferred_refresh_whose_backend_is_terminated_fails_and_leaves_nothing(
    slow: Any, pgstream_conn_id: str, background: Any
) -> None:
    slow.sql("select pg_advisory_lock(4242)")
    refreshing = background(refresh_of(pgstream_conn_id, "public.slow"))
    await eventually(lambda: slow.sql(REFRESHING))
    slow.sql(f"select count(pg_terminate_backend(pid, 5000)) {OURS}")
    event = await asyncio.wait_for(refreshing, PATIENCE)
    slow.sql("select pg_advisory_unlock(4242)")
    assert event["status"] == "error"
    assert event["errors"][0]["type"] == "ConnectionFailed"
    assert "public.slow" in event["errors"][0]["message"]
    assert slow.sql(LOCKS) == 0
    event = await fired(refresh_of(pgstream_conn_id, "public.slow"))
    assert event["status"] == "success"


async def test_a_refresh_started_anew_waits_for_the_one_that_a_killed_triggerer_left_running(
    slow: Any, pgstream_dsn: str, pgstream_conn_id: str, background: Any
) -> None:
    slow.sql("select pg_advisory_lock(4242)")
    left = await psycopg.AsyncConnection.connect(pgstream_dsn, autocommit=True)
    running = asyncio.create_task(
        left.execute(dressed("select pgstream.refresh_stream_table('public.slow')"))
    )
    await eventually(
        lambda: slow.sql("select count(*) from pg_locks where locktype = 'advisory' and not granted")
    )
    anew = background(refresh_of(pgstream_conn_id, "public.slow"))
    await eventually(lambda: slow.sql(SESSIONS))
    assert not anew.done()
    slow.sql("select pg_advisory_unlock(4242)")
    await running
    await left.close()
    event = await asyncio.wait_for(anew, PATIENCE)
    assert event["results"]["public.slow"]["outcome"] == "refreshed"


async def test_twenty_deferred_refreshes_of_one_table_at_once_all_succeed(
    orders: Any, pgstream_conn_id: str, background: Any
) -> None:
    orders.create()
    refreshing = [background(refresh_of(pgstream_conn_id, "public.order_totals")) for _ in range(20)]
    events = await asyncio.wait_for(asyncio.gather(*refreshing), PATIENCE)
    assert {event["results"]["public.order_totals"]["outcome"] for event in events} == {"refreshed"}
    assert orders.sql(LOCKS) == 0


@pytest.mark.emulator_only("a server that only the emulator can restart")
def test_a_sensor_on_a_worker_waits_for_a_server_that_it_has_reached_before(
    pgstream_server: Any, pgstream_conn_id: str, orders: Any
) -> None:
    orders.create(initialize=False)
    first, later = (
        PgStreamPopulatedSensor(
            task_id="wait",
            stream_table="public.order_totals",
            postgres_conn_id=pgstream_conn_id,
            on_unattended="wait",
        )
        for _ in range(2)
    )
    assert not first.poke({})
    with pgstream_server.down():
        assert not first.poke({})
        with pytest.raises(ConnectionFailed, match="cannot connect to database 'postgres'"):
            later.poke({})
    assert not first.poke({})
