"""A bulk insert into a table that a stream table reads, against the same without any.

Prints both times and their ratio. Run: ``python benchmarks/emulator_capture.py``.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg

from airflow_provider_pgstream.emulator import PgStreamServer

ROWS = 100_000
ROUNDS = 7
GOAL = 6
TABLES = ("plain", "captured")


def main() -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {table: [] for table in TABLES}
    with PgStreamServer(scheduler=False) as server, psycopg.connect(server.dsn(), autocommit=True) as session:
        for table in TABLES:
            session.execute(f"create table {table} (id int primary key, g text, v numeric)")
        session.execute(
            "select pgstream.create_stream_table('public.st', 'select id, v from public.captured', null)"
        )
        for _ in range(ROUNDS):
            for table in TABLES:
                times[table].append(_insert(session, table))
    plain, captured = (statistics.median(times[table]) for table in TABLES)
    print(f"insert of {ROWS:,} rows, median of {ROUNDS}:")
    print(f"  without capture   {plain * 1000:8.0f} ms")
    print(f"  with capture      {captured * 1000:8.0f} ms")
    print(f"  ratio {captured / plain:.2f} (goal: at most {GOAL})")


def _insert(session: psycopg.Connection[Any], table: str) -> float:
    session.execute(f"truncate {table}")
    began = time.perf_counter()
    session.execute(f"insert into {table} select i, 'group ' || i % 100, i from generate_series(1, {ROWS}) i")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
