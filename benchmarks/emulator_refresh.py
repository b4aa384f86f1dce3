"""A DIFFERENTIAL refresh on the emulator against ``REFRESH MATERIALIZED VIEW CONCURRENTLY``.

Prints both times and their ratio. Run: ``python benchmarks/emulator_refresh.py``.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg

from airflow_provider_pgstream.emulator import PgStreamServer

ROWS = 300_000
GROUPS = 30_000
CHANGED = 1_000
ROUNDS = 7
GOAL = 1.5
QUERY = "select k, sum(v) as total, avg(v) as mean, count(*) as n from public.facts group by k"


def main() -> None:
    """Measure and print."""
    with PgStreamServer(scheduler=False) as server, psycopg.connect(server.dsn(), autocommit=True) as session:
        _prepare(session)
        ours: list[float] = []
        theirs: list[float] = []
        for number in range(ROUNDS + 1):
            session.execute(f"update facts set v = v + 1 where id % {ROWS // CHANGED} = {number}")
            theirs.append(_seconds(session, "refresh materialized view concurrently peer"))
            ours.append(_seconds(session, "select pgstream.refresh_stream_table('public.totals')"))
            if number == 0:  # the first refresh of a stream table is a full one
                ours.clear()
                theirs.clear()
    refresh, peer = statistics.median(ours), statistics.median(theirs)
    print(f"{ROWS:,} rows, {GROUPS:,} groups, {CHANGED:,} rows changed, median of {ROUNDS}:")
    print(f"  DIFFERENTIAL refresh                     {refresh * 1000:8.0f} ms")
    print(f"  REFRESH MATERIALIZED VIEW CONCURRENTLY   {peer * 1000:8.0f} ms")
    print(f"  ratio {refresh / peer:.2f} (goal: at most {GOAL})")


def _prepare(session: psycopg.Connection[Any]) -> None:
    session.execute("create table facts (id int primary key, k int, v numeric)")
    session.execute(f"insert into facts select i, i % {GROUPS}, i % 97 from generate_series(1, {ROWS}) i")
    session.execute("vacuum analyze facts")
    session.execute(f"create materialized view peer as {QUERY}")
    session.execute("create unique index on peer (k)")
    session.execute("select pgstream.create_stream_table('public.totals', %s, null)", [QUERY])
    session.execute("analyze peer; analyze totals")


def _seconds(session: psycopg.Connection[Any], statement: str) -> float:
    began = time.perf_counter()
    session.execute(statement)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
