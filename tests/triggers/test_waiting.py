"""The triggers of deferred sensors: what they fire, that they share one connection, and what they survive."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_pgstream import _compat
from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Fresh, InStatus, Populated
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.triggers import (
    CaptureTrigger,
    PgStreamRefreshOperationTrigger,
    PgStreamRefreshTrigger,
    StreamTableTrigger,
)
from tests.triggers.firing import PATIENCE, eventually, fired

SESSIONS = "select count(*) from pg_stat_activity where application_name = 'airflow-provider-pgstream'"


def waits(conn_id: str, condition: Any, *names: str, poll_interval: float = 0.1) -> StreamTableTrigger:
    return StreamTableTrigger(
        names or ("public.order_totals",),
        conditions.to_json(condition),
        postgres_conn_id=conn_id,
        poll_interval=poll_interval,
    )


@pytest.mark.parametrize(
    "trigger",
    [
        waits("c", Populated("wait"), "public.a", "public.b"),
        waits("c", Fresh(max_staleness=5, fresh_as_of="2026-01-31T12:00:00+00:00", error_staleness=9)),
        waits("c", InStatus("SUSPENDED")),
        CaptureTrigger(["public.a"], 7, postgres_conn_id="c", hook_params={"database": "d"}),
        PgStreamRefreshOperationTrigger(RefreshPlan(["public.a"], full=True).to_json(), "c"),
        *(
            [PgStreamRefreshTrigger(["public.a"], "c", include_no_data=True, poll_interval=3)]
            if _compat.AIRFLOW_3
            else []
        ),
    ],
    ids=lambda trigger: type(trigger).__name__,
)
def test_a_trigger_comes_back_from_its_serialized_form(trigger: BaseTrigger) -> None:
    path, arguments = trigger.serialize()
    arguments = json.loads(json.dumps(arguments))
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    assert type(trigger)(**arguments).serialize() == (path, arguments)


async def test_a_trigger_fires_when_another_session_has_populated_the_table(
    orders: Any, pgstream_conn_id: str, background: Any
) -> None:
    orders.create(initialize=False)
    waiting = background(waits(pgstream_conn_id, Populated("wait")))
    await eventually(lambda: orders.sql(SESSIONS))
    assert not waiting.done()
    orders.refresh()
    event = await asyncio.wait_for(waiting, PATIENCE)
    assert event["status"] == "success"
    assert event["results"]["public.order_totals"]["is_populated"] is True


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("select pgstream.drop_stream_table('public.order_totals')", "StreamTableNotFound"),
        (
            "select pgstream.alter_stream_table('public.order_totals', status => 'SUSPENDED')",
            "StreamTableSuspended",
        ),
        ("drop table public.orders cascade", "StreamTableFailed"),
    ],
)
async def test_a_trigger_fails_when_the_table_is_dropped_paused_or_failing_meanwhile(
    orders: Any, pgstream_conn_id: str, background: Any, statement: str, error: str
) -> None:
    orders.create(initialize=False)
    waiting = background(waits(pgstream_conn_id, Populated("wait")))
    await eventually(lambda: orders.sql(SESSIONS))
    orders.sql(statement)
    event = await asyncio.wait_for(waiting, PATIENCE)
    assert (event["status"], event["errors"][0]["type"]) == ("error", error)
    assert "public.order_totals" in event["errors"][0]["message"]


async def test_a_trigger_says_so_when_the_connection_is_not_there() -> None:
    event = await fired(waits("nowhere_to_be_found", Populated()))
    assert event["status"] == "error"
    assert "nowhere_to_be_found" in event["errors"][0]["message"]


async def test_a_trigger_does_not_wait_for_a_server_that_refuses_it(
    pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = pgstream_dsn.replace("postgresql://", "postgres://").rsplit("/", 1)[0] + "/no_such_database"
    monkeypatch.setenv("AIRFLOW_CONN_REFUSED", uri)
    event = await asyncio.wait_for(fired(waits("refused", Populated())), PATIENCE)
    assert event["errors"][0]["type"] == "ConnectionFailed"
    assert "no_such_database" in event["errors"][0]["message"]


async def test_a_trigger_says_where_the_extension_is_missing(
    pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = pgstream_dsn.replace("postgresql://", "postgres://").rsplit("/", 1)[0] + "/template1"
    monkeypatch.setenv("AIRFLOW_CONN_BARE", uri)
    event = await asyncio.wait_for(fired(waits("bare", Populated())), PATIENCE)
    assert event["errors"][0]["type"] == "EngineNotInstalled"
    assert "'template1'" in event["errors"][0]["message"]


async def test_a_thousand_waiting_triggers_share_one_connection_and_one_query_per_interval(
    orders: Any, pgstream_conn_id: str, background: Any
) -> None:
    names = [orders.create(f"public.t{number}", initialize=False, schedule=None) for number in range(10)]
    waiting = [
        background(waits(pgstream_conn_id, Populated("wait"), names[number % 10], poll_interval=1.0))
        for number in range(1000)
    ]
    await eventually(lambda: orders.sql(SESSIONS))
    assert orders.sql(SESSIONS) == 1
    for name in names:
        orders.refresh(name)
    async with asyncio.timeout(PATIENCE):  # the benchmark measures how long it takes
        events = await asyncio.gather(*waiting)
    assert {event["status"] for event in events} == {"success"}
    await eventually(lambda: orders.sql(SESSIONS) == 0)


async def test_the_connection_is_closed_when_the_last_waiting_task_is_killed(
    orders: Any, pgstream_conn_id: str, background: Any
) -> None:
    orders.create(initialize=False)
    waiting = [background(waits(pgstream_conn_id, Populated("wait"))) for _ in range(3)]
    await eventually(lambda: orders.sql(SESSIONS))
    for task in waiting[:2]:
        task.cancel()
    await asyncio.gather(*waiting[:2], return_exceptions=True)
    assert orders.sql(SESSIONS) == 1
    waiting[2].cancel()
    await asyncio.gather(waiting[2], return_exceptions=True)
    await eventually(lambda: orders.sql(SESSIONS) == 0)


async def test_a_late_comer_does_not_take_a_poll_that_was_not_for_it(
    orders: Any, pgstream_conn_id: str, background: Any
) -> None:
    orders.create("public.first", initialize=False)
    orders.create("public.second", initialize=False)
    first = background(waits(pgstream_conn_id, Populated("wait"), "public.first"))
    await eventually(lambda: orders.sql(SESSIONS))
    second = background(waits(pgstream_conn_id, Populated("wait"), "public.second"))
    orders.refresh("public.second")
    assert (await asyncio.wait_for(second, PATIENCE))["status"] == "success"
    assert not first.done()


async def test_health_trigger_fires_when_capture_is_sound_and_fails_when_it_is_not(
    unserved_orders: Any, unserved_conn_id: str
) -> None:
    unserved_orders.create()
    event = await fired(CaptureTrigger(postgres_conn_id=unserved_conn_id))
    assert event["status"] == "success"
    assert event["results"]["public.orders"]["capture"] == "ok"
    unserved_orders.sql("alter table public.orders disable trigger user")
    event = await fired(CaptureTrigger(postgres_conn_id=unserved_conn_id))
    assert event["errors"][0]["type"] == "CaptureBroken"
    assert "change trigger is disabled" in event["errors"][0]["message"]
