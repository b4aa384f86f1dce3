"""
What the safe refresh of hook and operator adds to the bare function call, connection included.

Each round refreshes the same stream table three ways, in turn: a psycopg connection and the bare call; the
hook; the operator. Prints the medians, what hook and operator add, and whether that is at most 25 ms.

    python benchmarks/refresh_overhead.py [DSN] [--rounds 200]

Without a DSN it starts the emulator.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pgstream-benchmark-"))
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

import psycopg

TABLE = "public.refresh_overhead"
SOURCE = "public.refresh_overhead_source"
LIMIT = 0.025


def main() -> int:
    """Run the benchmark; return 0 if the operator adds no more than allowed."""
    parser = argparse.ArgumentParser(description="What hook and operator add to a bare refresh.")
    parser.add_argument("dsn", nargs="?")
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.dsn:
        return measure(arguments.dsn, arguments.rounds)
    from airflow_provider_pgstream.emulator import PgStreamServer

    with PgStreamServer() as server:
        return measure(server.dsn(), arguments.rounds)


def measure(dsn: str, rounds: int) -> int:
    """Prepare, measure, print, clean up."""
    from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
    from airflow_provider_pgstream.operators import PgStreamRefreshOperator

    logging.disable(logging.CRITICAL)
    os.environ["AIRFLOW_CONN_BENCHMARK"] = dsn.replace("postgresql://", "postgres://")
    operator = PgStreamRefreshOperator(
        task_id="refresh", stream_table=TABLE, postgres_conn_id="benchmark", deferrable=False
    )
    ways: dict[str, Callable[[], object]] = {
        "bare call": lambda: bare(dsn),
        "hook": lambda: PgStreamHook(postgres_conn_id="benchmark").refresh(TABLE),
        "operator": lambda: operator.execute({}),
    }
    prepare(dsn)
    try:
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, call in ways.items():
                started = time.perf_counter()
                call()
                seconds[way].append(time.perf_counter() - started)
    finally:
        clean(dsn)
    medians = {way: statistics.median(taken) for way, taken in seconds.items()}
    for way, median in medians.items():
        print(f"{way:<10} {median * 1000:7.2f} ms, {(median - medians['bare call']) * 1000:+6.2f} ms")
    added = medians["operator"] - medians["bare call"]
    print(f"the operator adds {added * 1000:.1f} ms (at most {LIMIT * 1000:.0f}), median of {rounds}")
    return 0 if added <= LIMIT else 1


def bare(dsn: str) -> None:
    """Refresh as one would without this package: a connection, a call, a commit."""
    with psycopg.connect(dsn) as connection:
        connection.execute("select pgstream.refresh_stream_table(%s)", [TABLE])


def prepare(dsn: str) -> None:
    """Make a source of 1,000 rows and a DIFFERENTIAL stream table on it."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"create table {SOURCE} (id int primary key, amount int)")
        connection.execute(f"insert into {SOURCE} select i, i from generate_series(1, 1000) i")
        connection.execute(
            "select pgstream.create_stream_table(%s, %s, '1h')", [TABLE, f"select id, amount from {SOURCE}"]
        )
        connection.execute("select pgstream.refresh_stream_table(%s)", [TABLE])


def clean(dsn: str) -> None:
    """Leave nothing behind."""
    with psycopg.connect(dsn) as connection:
        connection.execute("select pgstream.drop_stream_table(%s)", [TABLE])
        connection.execute(f"drop table {SOURCE}")


if __name__ == "__main__":
    sys.exit(main())
