"""Sensors and watchers that share a connection: what is refused one is not the others' affair."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_pgstream._compat import AIRFLOW_3
from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Populated
from airflow_provider_pgstream.triggers import PgStreamRefreshTrigger, StreamTableTrigger
from airflow_provider_pgstream.triggers.capture import CaptureTrigger
from tests.triggers.firing import PATIENCE, eventually

NAME = "public.order_totals"
SESSIONS = "select count(*) from pg_stat_activity where usename = 'half_blind'"


@pytest.fixture
def half_blind(orders: Any, pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A connection whose role may read the catalog, and neither the history nor the state of capture."""
    orders.create(initialize=False)
    orders.sql("create role half_blind login password 'x'")
    orders.sql("grant usage on schema pgstream to half_blind")
    orders.sql("grant select on pgstream.pgs_stream_tables, pgstream.pgs_dependencies to half_blind")
    orders.sql("revoke execute on all functions in schema pgstream from public")
    url = urlsplit(pgstream_dsn)
    address = f"postgres://half_blind:x@{url.hostname}:{url.port}{url.path}"
    monkeypatch.setenv("AIRFLOW_CONN_HALF_BLIND", address)
    yield "half_blind"
    orders.sql("grant execute on all functions in schema pgstream to public")
    orders.sql(
        f"select count(pg_terminate_backend(pid, 5000)) from ({SESSIONS.replace('count(*)', 'pid')}) s"
    )
    orders.sql("drop owned by half_blind; drop role half_blind")


def waits(conn_id: str) -> StreamTableTrigger:
    condition = conditions.to_json(Populated("wait"))
    return StreamTableTrigger([NAME], condition, postgres_conn_id=conn_id, poll_interval=0.2)


async def test_refused_poll_fails_who_asked_for_it_and_nobody_else(
    orders: Any, half_blind: str, background: Any
) -> None:
    condition = conditions.to_json(Populated("wait"))
    waiting = background(
        StreamTableTrigger([NAME], condition, postgres_conn_id=half_blind, poll_interval=0.2)
    )
    await eventually(lambda: orders.sql(SESSIONS))
    refused = background(CaptureTrigger([NAME], postgres_conn_id=half_blind, poll_interval=0.2))
    event = await asyncio.wait_for(refused, PATIENCE)
    assert [error["type"] for error in event["errors"]] == ["InsufficientPrivilege"]
    assert "grant" in event["errors"][0]["message"]
    assert not waiting.done()
    assert orders.sql(SESSIONS) == 1, "they share one connection, which outlives the refusal"
    orders.refresh()
    event = await asyncio.wait_for(waiting, PATIENCE)
    assert event["status"] == "success"


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no asset watchers")
async def test_watcher_whose_poll_is_refused_waits_and_the_sensor_beside_it_goes_on(
    orders: Any, half_blind: str, background: Any
) -> None:
    watcher = PgStreamRefreshTrigger(NAME, half_blind, poll_interval=0.2)
    watching = asyncio.ensure_future(anext(watcher.run()))
    await eventually(lambda: orders.sql(SESSIONS))
    condition = conditions.to_json(Populated("wait"))
    waiting = background(
        StreamTableTrigger([NAME], condition, postgres_conn_id=half_blind, poll_interval=0.2)
    )
    orders.refresh()
    assert (await asyncio.wait_for(waiting, PATIENCE))["status"] == "success"
    assert not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
