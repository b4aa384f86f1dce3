"""How long the emulator takes to be there: ready, CREATE EXTENSION, reset, one turn of the scheduler, stop.

    python benchmarks/emulator_start.py [ROUNDS]

Prints median and worst of some rounds beside what was promised; exits with 1 where a median is over it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from airflow_provider_pgstream.emulator import PgStreamServer

PROMISED = {"ready": 3.0, "create extension": 1.0, "reset": 0.5}  # seconds


class Stopwatch:
    """Collects seconds under names."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)


def one_round(watch: Stopwatch) -> None:
    server = PgStreamServer()
    with watch.measure("ready"):
        server.start()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create database bare")
    with (
        psycopg.connect(server.dsn("bare"), autocommit=True) as connection,
        watch.measure("create extension"),
    ):
        connection.execute("create extension pg_stream")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create table orders as select n as id from generate_series(1, 1000) n")
        connection.execute("select pgstream.create_stream_table('public.st', 'select id from public.orders')")
    server.stop_scheduler()
    with watch.measure("turn of the scheduler"):
        server.run_scheduler(later=3600)
    with watch.measure("reset"):
        server.reset()
    with watch.measure("stop"):
        server.stop()


def main(rounds: int) -> int:
    watch = Stopwatch()
    for _ in range(rounds):
        one_round(watch)
    late = False
    for name, seconds in watch.seconds.items():
        median, promised = statistics.median(seconds), PROMISED.get(name)
        late = late or (promised is not None and median > promised)
        limit = f"   promised under {promised} s" if promised else ""
        print(f"{name:22} median {median:5.2f} s   worst {max(seconds):5.2f} s{limit}")
    return int(late)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
