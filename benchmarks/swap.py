"""
What a swap costs who reads the stream table, a view on it and its source, and who writes the source.

    python benchmarks/swap.py [--dsn DSN] [--rows 2000000]

Without a DSN it starts the emulator. Four sessions read and write in a loop while another query, with another
column, is swapped in; afterwards the table and its reader are compared. Schema ``swapping`` is dropped and
created again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pgstream-benchmark-"))
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

import psycopg

LONGEST = 0.5
NAME, READER = "swapping.totals", "swapping.reader"
QUERY = "select id, dim, v from swapping.facts where v >= 0"
CHANGED = "select id, dim, v, v * 2 as twice from swapping.facts where v >= 0"


@dataclass
class Loop:
    """A session that runs one statement again and again."""

    dsn: str
    what: str
    statement: str
    at_least: int
    turns: int = 0
    longest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def run(self, is_over: threading.Event) -> None:
        """Run it until told to stop."""
        with psycopg.connect(self.dsn, autocommit=True) as session:
            while not is_over.is_set():
                began = time.monotonic()
                try:
                    row = session.execute(self.statement).fetchone()
                    if row is None or row[0] < self.at_least:
                        self.wrong.append(f"answer {row}")
                except psycopg.Error as error:
                    self.wrong.append(str(error).splitlines()[0])
                self.longest = max(self.longest, time.monotonic() - began)
                self.turns += 1


@contextmanager
def running(loops: list[Loop]) -> Iterator[None]:
    """Run loops meanwhile."""
    is_over = threading.Event()
    threads = [threading.Thread(target=loop.run, args=[is_over]) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def prepare(dsn: str, rows: int) -> None:
    """Create the source with some rows."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("drop schema if exists swapping cascade; create schema swapping")
        session.execute(
            "create table swapping.facts (id bigint primary key, dim int not null, v int not null)"
        )
        session.execute(
            "insert into swapping.facts select i, i %% 10000, i %% 1000 from generate_series(1, %s) i", [rows]
        )
        session.execute("vacuum analyze swapping.facts")


def swap(dsn: str, rows: int) -> bool:
    """Swap once under readers and a writer; return whether nobody noticed more than a moment."""
    from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

    os.environ["AIRFLOW_CONN_SWAPPING"] = dsn.replace("postgresql://", "postgres://")
    hook = PgStreamHook(postgres_conn_id="swapping")
    prepare(dsn, rows)
    hook.create(NAME, QUERY, schedule=None)
    hook.create(READER, f"select id, dim from {NAME}", schedule=None)
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(f"create view swapping.shown as select id, dim, v from {NAME}")
        session.execute(f"create index by_dim on {NAME} (dim)")
    some = "where id between 1000 and 1100"
    loops = [
        Loop(dsn, "reader of the stream table", f"select count(*) from {NAME} {some}", 101),
        Loop(dsn, "reader of a view on it", f"select count(*) from swapping.shown {some}", 101),
        Loop(dsn, "reader of the source", f"select count(*) from swapping.facts {some}", 101),
        Loop(dsn, "writer", "update swapping.facts set dim = dim where id = 1000 returning 101", 101),
    ]
    with running(loops):
        time.sleep(2)
        before = {loop.what: loop.longest for loop in loops}
        for loop in loops:
            loop.longest = 0.0
        result = hook.create(NAME, CHANGED, schedule=None, if_exists="replace", lock_timeout=60.0)
    print(f"{result.outcome} in {result.seconds} s, {rows} rows")
    is_met = True
    for loop in loops:
        is_met = is_met and not loop.wrong and loop.longest <= LONGEST
        print(
            f"{loop.what}: longest {loop.longest * 1000:.0f} ms (before {before[loop.what] * 1000:.0f} ms), "
            f"{loop.turns} turns, {len(loop.wrong)} errors or wrong answers {loop.wrong[:2] or ''}"
        )
    for name in (NAME, READER):
        hook.refresh(name, on_busy="wait")
        is_equal = hook.verify(name).equal
        is_met = is_met and is_equal
        print(f"{name} is {'right' if is_equal else 'WRONG'} afterwards")
    hook.drop(NAME, cascade=True)
    return is_met


def main() -> int:
    """Swap on the server that is named, or on the emulator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn")
    parser.add_argument("--rows", type=int, default=2_000_000)
    options = parser.parse_args()
    if options.dsn:
        return 0 if swap(options.dsn, options.rows) else 1
    from airflow_provider_pgstream.emulator import PgStreamServer

    with PgStreamServer() as server:
        return 0 if swap(server.dsn(), options.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
