"""Right rows: stream tables refreshed under concurrent writers, the naive way and the safe way.

Writers hold short transactions open on one table (inserts, updates, deletes, some rolled back) while three
DIFFERENTIAL stream tables on it are refreshed all the time. Afterwards everything is committed, each table is
refreshed once more, and compared with its defining query. Every row that differs is a row lost or counted
twice. After each round the three are compared with one another, too: do they show one moment? ::

    python benchmarks/right_rows.py DSN [--writers 8] [--seconds 60] [--schedule 1s] [--neighbour 1s]

``naive`` calls the engine's ``refresh_stream_table`` in one session; ``safe`` runs
``PgStreamRefreshOperator``; ``consistent`` runs it with ``consistent=True``. With ``--schedule`` the
engine's scheduler refreshes the three, too; with ``--neighbour`` it refreshes a fourth on the same source,
which is not compared.
"""

from __future__ import annotations

import argparse
import os
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg

SCHEMA = "right_rows"
STREAM_TABLES = {
    "totals": "select region, sum(amount) as total from right_rows.orders group by region",
    "counts": "select region, count(*) as orders from right_rows.orders group by region",
    "paid": "select id, region, amount from right_rows.orders where amount >= 0",
}
AGREE = f"""
select (select coalesce(sum(total), 0) from {SCHEMA}.totals)
       = (select coalesce(sum(amount), 0) from {SCHEMA}.paid)
   and (select coalesce(sum(orders), 0) from {SCHEMA}.counts) = (select count(*) from {SCHEMA}.paid)
"""
REGIONS = 20

Counts = dict[str, int]


def names() -> list[str]:
    return [f"{SCHEMA}.{name}" for name in STREAM_TABLES]


def hook_of(dsn: str) -> Any:
    """Return the hook on the database."""
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    os.environ["AIRFLOW_CONN_RIGHT_ROWS"] = dsn.replace(urlsplit(dsn).scheme, "postgres", 1)
    from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

    return PgStreamHook(postgres_conn_id="right_rows")


def prepare(dsn: str, schedule: str | None, neighbour: str | None) -> None:
    """Create the source with 2,000 rows, and the stream tables."""
    drop(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create schema {SCHEMA}")
        connection.execute(
            f"create table {SCHEMA}.orders (id bigint generated always as identity primary key,"
            " region int not null, amount int not null)"
        )
        connection.execute(
            f"insert into {SCHEMA}.orders (region, amount)"
            f" select i % {REGIONS}, i % 1000 from generate_series(1, 2000) i"
        )
    hook = hook_of(dsn)
    for name, query in STREAM_TABLES.items():
        hook.create(f"{SCHEMA}.{name}", query, schedule=schedule)
    if neighbour is not None:
        hook.create(f"{SCHEMA}.neighbour", STREAM_TABLES["counts"], schedule=neighbour)


def drop(dsn: str) -> None:
    hook = hook_of(dsn)
    for table in hook.list():
        if table.name.startswith(f"{SCHEMA}."):
            hook.drop(table.name, cascade=True)
    with psycopg.connect(dsn, autocommit=True) as connection:
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
    schema = "pgtrickle" if hook_of(dsn).status().extension == "pg_trickle" else "pgstream"
    connection = psycopg.connect(dsn, autocommit=True)

    def refresh() -> None:
        for name in names():
            connection.execute(f"select {schema}.refresh_stream_table(%s)", (name,))

    return refresh


def safe(dsn: str, *, consistent: bool = False) -> Callable[[], None]:
    """Refresh with the operator, as a task would run it."""
    hook_of(dsn)
    from airflow_provider_pgstream.operators import PgStreamRefreshOperator

    operator = PgStreamRefreshOperator(
        task_id="refresh",
        stream_table=names(),
        postgres_conn_id="right_rows",
        deferrable=False,
        consistent=consistent,
        lock_timeout=60,
    )

    def refresh() -> None:
        operator.execute({})

    return refresh


HOW: dict[str, Callable[[str], Callable[[], None]]] = {
    "naive": naive,
    "safe": safe,
    "consistent": partial(safe, consistent=True),
}


def agree(dsn: str) -> bool:
    """Tell whether the three stream tables show the same orders."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(AGREE).fetchone() == (True,)


def differences(dsn: str) -> Counts:
    """Count, for each stream table, the rows that it lacks or has too many."""
    with psycopg.connect(dsn) as connection:
        return {name: different_rows(connection, name, query) for name, query in STREAM_TABLES.items()}


def different_rows(connection: psycopg.Connection[tuple[object, ...]], name: str, query: str) -> int:
    columns = "id, region, amount" if name == "paid" else query.split("select ")[1].split(" from")[0]
    stored = ", ".join(column.split(" as ")[-1] for column in columns.split(", "))
    table = f"select {stored} from {SCHEMA}.{name}"
    row = connection.execute(
        f"select count(*) from (({table} except all {query}) union all ({query} except all {table})) d"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def run(dsn: str, refresher: Callable[[str], Callable[[], None]], writers: int, seconds: float) -> Counts:
    """One round: write and refresh for ``seconds``, then settle and compare."""
    refresh = refresher(dsn)
    stop = threading.Event()
    threads = [threading.Thread(target=write, args=(dsn, seed, stop)) for seed in range(writers)]
    for thread in threads:
        thread.start()
    rounds = agreed = 0
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            refresh()
            rounds += 1
            agreed += agree(dsn)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    refresh()
    return {**differences(dsn), "rounds": rounds, "agreed": agreed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "dsn", help="a database with the extension; the schema right_rows in it is dropped and created again"
    )
    parser.add_argument("--how", choices=HOW, action="append", help="all of them, unless some are named")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--schedule", help="let the engine's scheduler refresh the three, too")
    parser.add_argument("--neighbour", help="let the engine's scheduler refresh another one on the source")
    arguments = parser.parse_args()
    for how in arguments.how or HOW:
        prepare(arguments.dsn, arguments.schedule, arguments.neighbour)
        result = run(arguments.dsn, HOW[how], arguments.writers, arguments.seconds)
        rounds, agreed = result.pop("rounds"), result.pop("agreed")
        print(f"{how}: rows that differ: {result}; agreed in {agreed} of {rounds} rounds", flush=True)
    drop(arguments.dsn)


if __name__ == "__main__":
    main()
