"""What does not grow without end: buffers, whoever reads them, the history, the work on a layered graph."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from airflow_provider_pgstream.emulator import PgStreamServer
from tests.emulator.dressed import connect

HOUR = 3600


@pytest.fixture
def connection(either: PgStreamServer) -> Iterator[psycopg.Connection]:
    either.reset()
    with connect(either) as connection:
        connection.execute("create table orders (id int primary key, amount int)")
        connection.execute("insert into orders values (1, 10), (2, 20)")
        yield connection


def create(connection: psycopg.Connection, name: str, query: str, schedule: str = "1m") -> None:
    connection.execute("select pgstream.create_stream_table(%s, %s, %s)", [name, query, schedule])


def one(connection: psycopg.Connection, query: str, *values: object) -> object:
    row = connection.execute(query, values or None).fetchone()
    return row[0] if row else None


def buffered(connection: psycopg.Connection) -> object:
    name = one(connection, "select pgstream_emulator.buffer('orders'::regclass)")
    return one(connection, f"select count(*) from {name}")


def write(connection: psycopg.Connection, first: int, last: int) -> None:
    for number in range(first, last + 1):
        connection.execute("insert into orders values (%s, 1)", [number])


@pytest.mark.parametrize("beside", [True, False], ids=["beside a table that is refreshed", "alone"])
def test_buffer_behind_a_paused_table_is_trimmed_and_the_table_still_takes_in_all(either, connection, beside):
    if beside:
        create(connection, "public.working", "select id from public.orders")
    create(connection, "public.paused", "select id from public.orders")
    either.run_scheduler(later=HOUR)
    connection.execute("select pgstream.alter_stream_table('public.paused', status => 'SUSPENDED')")
    write(connection, 3, 12)
    either.run_scheduler(later=HOUR)
    assert buffered(connection) == 0
    connection.execute("select pgstream.alter_stream_table('public.paused', status => 'ACTIVE')")
    assert either.run_scheduler(later=HOUR)["public.paused"] == "DIFFERENTIAL"
    assert one(connection, "select count(*) from paused") == 12
    assert either.run_scheduler(later=HOUR)["public.paused"] == "NO_DATA"


def test_buffer_is_kept_for_an_active_table_that_is_not_refreshed_yet(either, connection):
    create(connection, "public.often", "select id from public.orders")
    create(connection, "public.later", "select id from public.orders", "1w")
    connection.execute("select pgstream.refresh_stream_table('public.later')")
    write(connection, 3, 5)
    either.run_scheduler(later=HOUR)
    assert buffered(connection) == 3
    connection.execute("select pgstream.refresh_stream_table('public.later')")
    either.run_scheduler(later=HOUR)
    assert buffered(connection) == 0


def test_history_keeps_the_latest_thousand_of_each_table(either, connection):
    create(connection, "public.busy", "select id from public.orders")
    create(connection, "public.quiet", "select id from public.orders")
    either.run_scheduler(later=HOUR)
    connection.execute(
        "insert into pgstream.pgs_refresh_history (pgs_id, data_timestamp, start_time, action, status) "
        "select pgs_id, now(), now(), 'NO_DATA', 'COMPLETED' "
        "from pgstream.pgs_stream_tables, generate_series(1, 1500) where pgs_name = 'busy'"
    )
    newest = one(connection, "select max(refresh_id) from pgstream.pgs_refresh_history")
    kept = "select count(*) from pgstream.pgs_refresh_history join pgstream.pgs_stream_tables using (pgs_id)"
    quiet = one(connection, f"{kept} where pgs_name = 'quiet'")
    either.run_scheduler(later=HOUR)
    assert one(connection, f"{kept} where pgs_name = 'busy'") == 1000
    assert one(connection, f"{kept} where pgs_name = 'quiet'") == quiet + 1
    assert one(connection, f"{kept} where pgs_name = 'busy' and refresh_id > %s", newest) == 1


def test_layers_of_tables_that_all_read_one_another_are_ordered_at_once(either, connection):
    # 3 tables in each of 14 layers: 42 tables, and millions of paths.
    below = ["public.orders"]
    for layer in range(14):
        names = [f"public.l{layer}_{number}" for number in range(3)]
        for name in names:
            joined = " join ".join([below[0], *(f"{table} using (id)" for table in below[1:])])
            create(connection, name, f"select id from {joined}")
        below = names
    connection.execute("set statement_timeout = '2s'")
    depths = "select max(depth), count(*) from pgstream_emulator.depths()"
    assert connection.execute(depths).fetchone() == (13, 42)


def test_tables_that_read_one_another_in_a_circle_are_ordered_somehow(either, connection):
    connection.execute("create view through as select id from orders")
    create(connection, "public.a", "select id from public.through")
    create(connection, "public.b", "select id from public.a")
    connection.execute(
        "insert into pgstream.pgs_dependencies (pgs_id, source_relid, source_type) "
        "select pgs_id, 'b'::regclass, 'STREAM_TABLE' from pgstream.pgs_stream_tables where pgs_name = 'a'"
    )
    connection.execute("set statement_timeout = '2s'")
    assert one(connection, "select count(*) from pgstream_emulator.due_tables('{}')") == 0
