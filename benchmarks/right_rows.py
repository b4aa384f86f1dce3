"""Right rows: stream tables refreshed under concurrent writers, the naive way and the safe way.

Writers hold short transactions open on one table (inserts, updates, deletes, some rolled back) while three
DIFFERENTIAL stream tables on it are refreshed all the time. Afterwards everything is committed, each table is
refreshed once more, and compared with its defining query. Every row that differs is a row lost or doubled::

    python benchmarks/right_rows.py postgresql://postgres@127.0.0.1:55418/postgres

``naive`` calls ``pgstream.refresh_stream_table`` in one session; ``safe`` runs ``PgStreamRefreshOperator``.
"""

from __future__ import annotations

import argparse
import os
import random
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg

SCHEMA = "right_rows"
STREAM_TABLES = {
    "totals": "select region, sum(amount) as total from right_rows.orders group by region",
    "counts": "select region, count(*) as orders from right_rows.orders group by region",
    "large": "select id, region, amount from right_rows.orders where amount > 500",
}
REGIONS = 20

Counts = dict[str, int]


def names() -> list[str]:
    return [f"{SCHEMA}.{name}" for name in STREAM_TABLES]


def prepare(dsn: str) -> None:
    """Make the source with 2,000 rows, and the stream tables, anew."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        drop(connection)
        connection.execute(f"create schema {SCHEMA}")
        connection.execute(
            f"create table {SCHEMA}.orders (id bigint generated always as identity primary key,"
            " region int not null, amount int not null)"
        )
        connection.execute(
            f"insert into {SCHEMA}.orders (region, amount)"
            f" select i % {REGIONS}, i % 1000 from generate_series(1, 2000) i"
        )
        for name, query in STREAM_TABLES.items():
            connection.execute(
                "select pgstream.create_stream_table(%s, %s, null)", (f"{SCHEMA}.{name}", query)
            )


def drop(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    rows = connection.execute(
        "select pgs_schema || '.' || pgs_name from pgstream.pgs_stream_tables where pgs_schema = %s",
        (SCHEMA,),
    ).fetchall()
    for (name,) in rows:
        connection.execute("select pgstream.drop_stream_table(%s)", (name,))
    connection.execute(f"drop schema if exists {SCHEMA} cascade")


def write(dsn: str, seed: int, stop: threading.Event) -> None:
    """Write in short transactions of a few statements, a fifth of them rolled back."""
    rng = random.Random(seed)  # noqa: S311 - test data
    with psycopg.connect(dsn) as connection:
        while not stop.is_set():
            for _ in range(rng.randint(1, 4)):
                connection.execute(*statement(rng))
                stop.wait(rng.uniform(0, 0.01))
            if rng.random() < 0.2:
                connection.rollback()
            else:
                connection.commit()
            stop.wait(rng.uniform(0, 0.01))


def statement(rng: random.Random) -> tuple[str, tuple[int, ...]]:
    kind = rng.random()
    if kind < 0.5:
        return f"insert into {SCHEMA}.orders (region, amount) values (%s, %s)", (
            rng.randrange(REGIONS),
            rng.randrange(1000),
        )
    # Skipping locked rows keeps the writers from deadlocking with each other.
    one_row = f"(select id from {SCHEMA}.orders where region = %s limit 1 for update skip locked)"
    if kind < 0.8:
        return f"update {SCHEMA}.orders set amount = %s where id = {one_row}", (
            rng.randrange(1000),
            rng.randrange(REGIONS),
        )
    return f"delete from {SCHEMA}.orders where id = {one_row}", (rng.randrange(REGIONS),)


def naive(dsn: str) -> Callable[[], None]:
    """Refresh as the engine's README suggests: one session, one call after the other."""
    connection = psycopg.connect(dsn, autocommit=True)

    def refresh() -> None:
        for name in names():
            connection.execute("select pgstream.refresh_stream_table(%s)", (name,))

    return refresh


def safe(dsn: str) -> Callable[[], None]:
    """Refresh with the operator, as a task would run it."""
    url = urlsplit(dsn)
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    os.environ["AIRFLOW_CONN_RIGHT_ROWS"] = dsn.replace(url.scheme, "postgres", 1)
    from airflow_provider_pgstream.operators import PgStreamRefreshOperator

    operator = PgStreamRefreshOperator(
        task_id="refresh", stream_table=names(), postgres_conn_id="right_rows", deferrable=False
    )

    def refresh() -> None:
        operator.execute({})

    return refresh


def differences(dsn: str) -> Counts:
    """Count, for each stream table, the rows that it lacks or has too many."""
    with psycopg.connect(dsn) as connection:
        return {name: different_rows(connection, name, query) for name, query in STREAM_TABLES.items()}


def different_rows(connection: psycopg.Connection[tuple[object, ...]], name: str, query: str) -> int:
    columns = "id, region, amount" if name == "large" else query.split("select ")[1].split(" from")[0]
    stored = ", ".join(column.split(" as ")[-1] for column in columns.split(", "))
    table = f"select {stored} from {SCHEMA}.{name}"
    row = connection.execute(
        f"select count(*) from (({table} except all {query}) union all ({query} except all {table})) d"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def run(dsn: str, refresher: Callable[[str], Callable[[], None]], writers: int, seconds: float) -> Counts:
    """One round: write and refresh for ``seconds``, then settle and compare."""
    prepare(dsn)
    refresh = refresher(dsn)
    stop = threading.Event()
    threads = [threading.Thread(target=write, args=(dsn, seed, stop)) for seed in range(writers)]
    for thread in threads:
        thread.start()
    rounds = 0
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            refresh()
            rounds += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    refresh()
    return {**differences(dsn), "rounds": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dsn", help="a database with the extension; the schema right_rows in it is made anew")
    parser.add_argument("--how", choices=["naive", "safe", "both"], default="both")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12)
    arguments = parser.parse_args()
    for how in ("naive", "safe") if arguments.how == "both" else (arguments.how,):
        result = run(arguments.dsn, {"naive": naive, "safe": safe}[how], arguments.writers, arguments.seconds)
        rounds = result.pop("rounds")
        print(f"{how}: {rounds} rounds; rows that differ: {result}", flush=True)
    with psycopg.connect(arguments.dsn, autocommit=True) as connection:
        drop(connection)


if __name__ == "__main__":
    main()
