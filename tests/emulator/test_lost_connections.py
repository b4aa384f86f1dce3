"""A refresh of the scheduler whose connection is lost is no error of its stream table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg

from airflow_provider_pgstream.emulator import PgStreamServer
from airflow_provider_pgstream.emulator._dresses import DRESSES
from airflow_provider_pgstream.emulator._scheduler import run_turn

HOUR = 3600
STATE = "select status, consecutive_errors from pgstream.pgs_stream_tables"
SLOW = "select id, pg_sleep(60)::text from public.orders where id > 2"


def test_session_that_is_ended_in_a_refresh_is_not_counted(
    server: PgStreamServer, eventually, caplog
) -> None:
    server.reset()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create table orders (id int primary key)")
        connection.execute("select pgstream.create_stream_table('public.st', %s, '1m', 'FULL')", [SLOW])
        connection.execute("insert into orders values (3)")
        end = (
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'pg_stream refresh' and wait_event = 'PgSleep'"
        )
        with ThreadPoolExecutor(1) as threads:
            turn = threads.submit(server.run_scheduler, HOUR)
            eventually(lambda: connection.execute(end).fetchall(), "a refresh to end")
            assert turn.result() == {"public.st": "FAILED"}
        assert connection.execute(STATE).fetchall() == [("ACTIVE", 0)]
        assert connection.execute("select from pgstream.pgs_refresh_history").fetchall() == []
    assert "lost its connection" in caplog.text


def test_server_that_lets_no_more_sessions_in_is_no_error_of_the_table(server: PgStreamServer) -> None:
    server.reset()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create table orders (id int primary key)")
        connection.execute("select pgstream.create_stream_table('public.st', 'select id from public.orders')")
        connection.execute("create role one_at_a_time login connection limit 1")
        connection.execute("grant usage on schema pgstream, pgstream_changes to one_at_a_time")
        connection.execute("grant all on all tables in schema pgstream to one_at_a_time")
        connection.execute("grant all on all sequences in schema pgstream to one_at_a_time")
        connection.execute("update pgstream.pgs_stream_tables set data_timestamp = now() - interval '1 hour'")
        assert run_turn(f"{server.dsn()}?user=one_at_a_time", DRESSES["pg_stream"]) == {"public.st": "FAILED"}
        assert connection.execute(STATE).fetchall() == [("ACTIVE", 0)]
