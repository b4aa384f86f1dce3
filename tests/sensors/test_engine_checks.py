"""Sensors for what pg_trickle says of itself: its health checks, and whether sources are level."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    EngineNotSupported,
    EngineUnhealthy,
    InvalidStreamTable,
    PgStreamError,
    by_name,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.sensors import PgStreamEngineHealthSensor, PgStreamWatermarkSensor
from tests.triggers.firing import fired

pg_trickle_only = pytest.mark.pg_trickle_only("it has health checks and watermarks")
TABLES = "array['public.orders', 'public.payments']"


def health(conn_id: str, **kwargs: Any) -> PgStreamEngineHealthSensor:
    return PgStreamEngineHealthSensor(task_id="health", postgres_conn_id=conn_id, **kwargs)


def level(conn_id: str, group: str = "shop") -> PgStreamWatermarkSensor:
    return PgStreamWatermarkSensor(task_id="level", group=group, postgres_conn_id=conn_id, poke_interval=0.1)


@pytest.mark.pg_stream_only("it has both")
@pytest.mark.parametrize("make", [health, level])
def test_engine_without_them_refuses_with_a_sentence(orders: Any, pgstream_conn_id: str, make: Any) -> None:
    with pytest.raises(EngineNotSupported, match=r"pg_stream of this database has no function \w+: use an"):
        make(pgstream_conn_id).execute({})


@pytest.fixture
def paused(orders: Any, scheduler: None) -> None:
    """One stream table in a status that the engine's check calls an ERROR."""
    orders.create(schedule="1h")
    orders.set_status("SUSPENDED")


@pg_trickle_only
def test_healthy_engine_is_told_with_every_check(orders: Any, scheduler: None, pgstream_conn_id: str) -> None:
    orders.create()
    seen = health(pgstream_conn_id, on_warning="ignore").execute({})
    assert seen["error_tables"]["severity"] == "OK"
    assert {check.name for check in PgStreamHook(postgres_conn_id=pgstream_conn_id).health_checks()} == set(
        seen
    )


@pg_trickle_only
def test_check_at_error_fails_waits_or_is_ignored_as_asked(paused: None, pgstream_conn_id: str) -> None:
    with pytest.raises(EngineUnhealthy, match=r"error_tables is at ERROR: .*public\.order_totals"):
        health(pgstream_conn_id).execute({})
    assert not health(pgstream_conn_id, on_error="wait").poke({}).is_done
    assert health(pgstream_conn_id, on_error="ignore").poke({}).is_done
    assert health(pgstream_conn_id, checks=["needs_reinit"]).poke({}).is_done
    event = asyncio.run(fired(health(pgstream_conn_id).make_trigger()))
    assert by_name(event["errors"][0]["type"]) is EngineUnhealthy


@pg_trickle_only
def test_trigger_waits_until_the_check_is_over(paused: None, orders: Any, pgstream_conn_id: str) -> None:
    trigger = health(pgstream_conn_id, on_error="wait", poke_interval=0.2).make_trigger()

    async def wait() -> dict[str, Any]:
        waiting = asyncio.create_task(fired(trigger))
        done, _ = await asyncio.wait([waiting], timeout=1)
        assert not done
        orders.set_status("ACTIVE")
        return await waiting

    event = asyncio.run(wait())
    assert event["results"]["error_tables"]["severity"] == "OK"


@pg_trickle_only
def test_check_that_there_is_not_is_refused(orders: Any, pgstream_conn_id: str) -> None:
    with pytest.raises(InvalidStreamTable, match=r"makes no check weather: give some of .*error_tables"):
        health(pgstream_conn_id, checks=["weather"]).execute({})


def test_reaction_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidStreamTable, match="on_error"):
        health("none", on_error="shrug")


@pg_trickle_only
def test_group_is_waited_for_until_all_sources_are_loaded_and_level(
    orders: Any, pgstream_conn_id: str
) -> None:
    orders.sql("create table public.payments (id int primary key)")
    with pytest.raises(InvalidStreamTable, match="there is no watermark group 'shop'"):
        level(pgstream_conn_id).execute({})
    orders.sql(f"select pgtrickle.create_watermark_group('shop', {TABLES}, 60)")
    try:
        seen = []
        for table, watermark in (
            (None, None),
            ("orders", "2026-01-31 12:00+00"),
            ("payments", "2026-01-31 11:00+00"),
            ("payments", "2026-01-31 11:59:30+00"),
        ):
            if table:
                orders.sql(f"select pgtrickle.advance_watermark('public.{table}', '{watermark}')")
            seen.append(level(pgstream_conn_id).poke({}).is_done)
        assert seen == [False, False, False, True]
        event = asyncio.run(fired(level(pgstream_conn_id).make_trigger()))
        assert event["results"]["shop"]["min_watermark"] == "2026-01-31T11:59:30+00:00"
        assert event["results"]["shop"]["tolerance_seconds"] == 60
    finally:
        orders.sql("select pgtrickle.drop_watermark_group('shop')")


@pg_trickle_only
def test_group_that_there_is_not_ends_a_deferred_wait(orders: Any, pgstream_conn_id: str) -> None:
    event = asyncio.run(fired(level(pgstream_conn_id, "nothing").make_trigger()))
    error = event["errors"][0]
    assert issubclass(by_name(error["type"]), PgStreamError)
    assert "no watermark group 'nothing'" in error["message"]
