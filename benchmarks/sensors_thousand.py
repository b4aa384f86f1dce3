"""What a thousand waiting sensors cost, beside the same wait written with common-sql's own SQL sensor.

    python benchmarks/sensors_thousand.py [SENSORS]

Prints connections and queries per poll interval and how long after the tables were populated the last sensor
fired; exits with 1 if ours need more than two connections, more than one query per interval, or more than one
interval and a second. The SQL sensor has no deferrable mode: it is poked once for each task, in turn.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import time

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pgstream-airflow-"))
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"

import psycopg
from airflow.providers.common.sql.sensors.sql import SqlSensor

from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Populated
from airflow_provider_pgstream.emulator import PgStreamServer
from airflow_provider_pgstream.triggers import StreamTableTrigger

TABLES = 20
INTERVAL = 2.0  # seconds
INTERVALS = 5
OURS = "from pg_stat_activity where application_name = 'airflow-provider-pgstream'"


async def fire(trigger: StreamTableTrigger) -> tuple[str, float]:
    """Run a trigger; return what it fired, and when."""
    async for event in trigger.run():
        return str(event.payload["status"]), time.monotonic()
    raise AssertionError("the trigger ended without an event")


async def watch_ours(connection: psycopg.Connection) -> tuple[int, int]:
    """Return the most connections at once, and the queries that they ran, over some intervals."""
    most = 0
    queries: set[tuple[object, ...]] = set()
    began = connection.execute("select clock_timestamp()").fetchone()
    ends = time.monotonic() + INTERVALS * INTERVAL
    while time.monotonic() < ends:
        rows = connection.execute(f"select pid, query_start {OURS}").fetchall()
        most = max(most, len(rows))
        queries.update(row for row in rows if began and row[1] >= began[0])
        await asyncio.sleep(0.02)
    return most, len(queries)


async def ours(connection: psycopg.Connection, sensors: int) -> tuple[int, float, float]:
    """Return connections, queries per interval, and seconds from the population to the last event."""
    condition = conditions.to_json(Populated("wait"))
    tasks = [
        asyncio.create_task(
            fire(
                StreamTableTrigger(
                    [f"public.t{number % TABLES}"],
                    condition,
                    postgres_conn_id="bench",
                    poll_interval=INTERVAL,
                )
            )
        )
        for number in range(sensors)
    ]
    await asyncio.sleep(INTERVAL)
    most, queries = await watch_ours(connection)
    for number in range(TABLES):
        name = f"public.t{number}"
        await asyncio.to_thread(connection.execute, "select pgstream.refresh_stream_table(%s)", [name])
    populated = time.monotonic()
    fired = await asyncio.gather(*tasks)
    assert {status for status, _ in fired} == {"success"}
    return most, queries / INTERVALS, max(moment for _, moment in fired) - populated


def theirs(sensors: int) -> float:
    """Poke as many SQL sensors once; return the seconds that took."""
    waiting = [
        SqlSensor(
            task_id=f"wait_{number}",
            conn_id="bench",
            sql="select is_populated from pgstream.pgs_stream_tables where pgs_name = %(name)s",
            parameters={"name": f"t{number % TABLES}"},
        )
        for number in range(sensors)
    ]
    began = time.monotonic()
    assert all(sensor.poke({}) for sensor in waiting)
    return time.monotonic() - began


def main(sensors: int) -> int:
    with PgStreamServer(scheduler=False) as server:
        os.environ["AIRFLOW_CONN_BENCH"] = server.airflow_uri()
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("create table public.orders as select n as id from generate_series(1, 100) n")
            create = "select pgstream.create_stream_table(%s, %s, initialize => false)"
            for number in range(TABLES):
                connection.execute(create, [f"public.t{number}", "select id from public.orders"])
            connections, queries, last = asyncio.run(ours(connection, sensors))
            logging.disable(logging.CRITICAL)
            seconds = theirs(sensors)
    allowed = INTERVAL + 1
    print(f"{sensors} sensors on {TABLES} stream tables, poll interval {INTERVAL:g} s")
    print(f"{'':34}{'this provider':>16}{'SqlSensor':>16}")
    print(f"{'connections held':34}{connections:>16}{'1 per poke':>16}")
    print(f"{'connections opened per interval':34}{0:>16}{sensors:>16}")
    print(f"{'queries per interval':34}{queries:>16.1f}{sensors:>16}")
    print(f"{'worker slots (poke mode)':34}{0:>16}{sensors:>16}")
    print(f"{'last fired after populated (s)':34}{last:>16.2f}{seconds:>16.2f}  (one after another)")
    good = connections <= 2 and queries <= 1 and last <= allowed
    verdict = "kept" if good else "BROKEN"
    print(f"promised: at most 2 connections, 1 query per interval, {allowed:g} s: {verdict}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
