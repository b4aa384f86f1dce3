"""The scheduler: what a turn refreshes and in which order, and the process that makes turns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from croniter.croniter import CroniterError

from airflow_provider_pgstream.emulator import PgStreamServer
from airflow_provider_pgstream.emulator._scheduler import next_time

HOUR = 3600


@pytest.fixture
def clean(server: PgStreamServer) -> Iterator[PgStreamServer]:
    """The module's server, reset, and without a background scheduler at the end of the test."""
    server.reset()
    yield server
    server.stop_scheduler()


@pytest.fixture
def connection(clean: PgStreamServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(clean.dsn(), autocommit=True) as connection:
        connection.execute("create table orders (id int primary key, amount int)")
        connection.execute("insert into orders values (1, 10), (2, 20)")
        yield connection


def create(connection: psycopg.Connection, name: str, query: str, schedule: str | None = "1m") -> None:
    connection.execute("select pgstream.create_stream_table(%s, %s, %s)", [name, query, schedule])


def rows(connection: psycopg.Connection, query: str) -> list[tuple]:
    return connection.execute(query).fetchall()


def scheduler_pid(connection: psycopg.Connection) -> int | None:
    found = connection.execute(
        "select pid from pg_stat_activity where application_name = 'pg_stream scheduler'"
    ).fetchone()
    return found[0] if found else None


def test_turn_refreshes_what_is_due_and_nothing_else(clean, connection):
    create(connection, "public.often", "select id from public.orders", "1m")
    create(connection, "public.seldom", "select id from public.orders", "2h")
    create(connection, "public.calculated", "select id from public.orders", None)
    connection.execute("insert into orders values (3, 30)")
    assert clean.run_scheduler() == {}
    assert clean.run_scheduler(later=HOUR) == {"public.often": "DIFFERENTIAL"}
    assert rows(connection, "select count(*) from often") == [(3,)]
    assert rows(connection, "select count(*) from seldom") == [(2,)]
    assert clean.run_scheduler(later=HOUR) == {"public.often": "NO_DATA", "public.seldom": "DIFFERENTIAL"}
    assert rows(connection, "select count(*) from seldom") == [(3,)]
    assert rows(connection, "select count(*) from calculated") == [(2,)]


def test_table_created_empty_is_filled_only_once_it_is_active(clean, connection):
    query = "select id from public.orders"
    connection.execute("select pgstream.create_stream_table('public.st', %s, initialize => false)", [query])
    assert clean.run_scheduler(later=HOUR) == {}
    connection.execute("select pgstream.alter_stream_table('public.st', status => 'ACTIVE')")
    assert list(clean.run_scheduler()) == ["public.st"]
    assert rows(connection, "select count(*) from st") == [(2,)]
    assert clean.run_scheduler() == {}


def test_sources_are_refreshed_before_what_reads_them_whatever_their_age(clean, connection):
    create(connection, "public.c", "select id, amount from public.orders")
    create(connection, "public.b", "select id, amount from public.c")
    create(connection, "public.a", "select sum(amount) as total from public.b")
    connection.execute("insert into orders values (3, 30)")
    assert list(clean.run_scheduler(later=HOUR)) == ["public.c", "public.b", "public.a"]
    assert rows(connection, "select total from a") == [(60,)]


def test_failing_table_does_not_stop_the_others_and_is_suspended_after_three(clean, connection):
    create(connection, "public.bad", "select 100 / amount as x from public.orders")
    create(connection, "public.good", "select id from public.orders")
    connection.execute("insert into orders values (3, 0)")
    for turn in range(3):
        actions = clean.run_scheduler(later=HOUR)
        assert actions == {"public.bad": "FAILED", "public.good": "NO_DATA" if turn else "DIFFERENTIAL"}
    status = "select pgs_name, status, consecutive_errors from pgstream.pgs_stream_tables order by 1"
    assert rows(connection, status) == [("bad", "SUSPENDED", 3), ("good", "ACTIVE", 0)]
    assert clean.run_scheduler(later=HOUR) == {"public.good": "NO_DATA"}
    failed = "select distinct error_message from pgstream.pgs_refresh_history where status = 'FAILED'"
    assert rows(connection, failed) == [("division by zero",)]


def test_fewer_errors_suspend_when_the_setting_says_so(clean, connection):
    create(connection, "public.bad", "select 100 / amount as x from public.orders")
    connection.execute("insert into orders values (3, 0)")
    connection.execute("alter system set pg_stream.max_consecutive_errors = 1")
    connection.execute("select pg_reload_conf()")
    clean.run_scheduler(later=HOUR)
    assert rows(connection, "select status from pgstream.pgs_stream_tables") == [("SUSPENDED",)]


def test_failed_refresh_leaves_no_lock(clean, connection):
    create(connection, "public.bad", "select 100 / amount as x from public.orders")
    connection.execute("insert into orders values (3, 0)")
    assert clean.run_scheduler(later=HOUR) == {"public.bad": "FAILED"}
    assert rows(connection, "select from pg_locks where locktype = 'advisory'") == []


def test_enabled_off_refreshes_nothing_until_it_is_on_again(clean, connection):
    create(connection, "public.st", "select id from public.orders")
    connection.execute("alter system set pg_stream.enabled = off")
    connection.execute("select pg_reload_conf()")
    assert clean.run_scheduler(later=HOUR) == {}
    connection.execute("alter system reset pg_stream.enabled")
    connection.execute("select pg_reload_conf()")
    assert clean.run_scheduler() == {"public.st": "NO_DATA"}


def test_turn_without_the_extension_does_nothing(clean, connection):
    connection.execute("drop extension pg_stream cascade")
    assert clean.run_scheduler() == {}


def test_each_refresh_is_a_session_of_its_own(clean, connection):
    connection.execute("create table sessions (pid int)")
    connection.execute(
        "create function note() returns trigger language plpgsql as "
        "$$ begin insert into public.sessions values (pg_backend_pid()); return null; end $$"
    )
    for name in ("public.one", "public.two"):
        create(connection, name, "select id from public.orders")
        connection.execute(f"create trigger note after insert on {name} execute function note()")
    connection.execute("insert into orders values (3, 30)")
    assert clean.run_scheduler(later=HOUR) == {"public.one": "DIFFERENTIAL", "public.two": "DIFFERENTIAL"}
    assert rows(connection, "select count(distinct pid) from sessions") == [(2,)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/15 * * * *", "2026-01-31 12:15:00"),
        ("30 */15 * * * *", "2026-01-31 12:00:30"),
        ("0 0 9 * * 1 *", "2026-02-02 09:00:00"),
        ("0 0 0 1 1 * 2030", "2030-01-01 00:00:00"),
        ("0 12 * * 0", "2026-02-01 12:00:00"),
        ("0 12 * * 7", "2026-02-01 12:00:00"),
        ("0 12 * * SUN", "2026-02-01 12:00:00"),
        ("@hourly", "2026-01-31 13:00:00"),
        ("@daily", "2026-02-01 00:00:00"),
        ("@midnight", "2026-02-01 00:00:00"),
        ("@weekly", "2026-02-01 00:00:00"),
        ("@monthly", "2026-02-01 00:00:00"),
        ("@yearly", "2027-01-01 00:00:00"),
        ("@annually", "2027-01-01 00:00:00"),
    ],
)
def test_cron_of_five_to_seven_fields_and_aliases(schedule, expected):
    since = datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)
    assert next_time(schedule, since) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_cron_is_read_in_utc_whatever_zone_the_server_speaks():
    since = datetime.fromisoformat("2026-01-31T23:30:00+05:00")
    assert next_time("0 19 * * *", since) == datetime(2026, 1, 31, 19, tzinfo=UTC)


def test_cron_table_is_due_once_its_moment_has_passed(clean, connection):
    create(connection, "public.st", "select id from public.orders", "@yearly")
    connection.execute("insert into orders values (3, 30)")
    soon = datetime.now(UTC) + timedelta(days=40)
    create(
        connection, "public.later", "select id from public.orders", f"0 0 {min(soon.day, 28)} {soon.month} *"
    )
    assert clean.run_scheduler() == {}
    assert clean.run_scheduler(later=366 * 24 * HOUR)["public.st"] == "DIFFERENTIAL"
    assert clean.run_scheduler() == {}


def test_schedule_that_only_the_cron_library_refuses_leaves_the_others_alone(clean, connection, caplog):
    with pytest.raises(CroniterError):
        next_time("0 0 30 2 *", datetime(2026, 1, 1, tzinfo=UTC))
    create(connection, "public.never", "select id from public.orders", "0 0 30 2 *")
    create(connection, "public.st", "select id from public.orders")
    assert clean.run_scheduler(later=HOUR) == {"public.st": "NO_DATA"}
    assert "has a schedule that cannot be read" in caplog.text


def test_background_scheduler_refreshes_by_itself_until_it_is_stopped(clean, connection, eventually):
    create(connection, "public.st", "select id from public.orders", "1s")
    assert scheduler_pid(connection) is None
    clean.start_scheduler()
    assert scheduler_pid(connection) is not None
    connection.execute("insert into orders values (3, 30)")
    eventually(lambda: rows(connection, "select count(*) from st") == [(3,)], "the refresh")
    by = "select distinct initiated_by from pgstream.pgs_refresh_history"
    assert rows(connection, by) == [("SCHEDULER",)]
    clean.stop_scheduler()
    eventually(lambda: scheduler_pid(connection) is None, "the end of the scheduler's session")


def test_background_scheduler_comes_back_after_a_restart_of_the_server(clean, connection, eventually):
    create(connection, "public.st", "select id from public.orders", "1s")
    clean.start_scheduler()
    clean.restart(immediate=True)
    with psycopg.connect(clean.dsn(), autocommit=True) as again:
        again.execute("insert into orders values (3, 30)")
        eventually(lambda: rows(again, "select count(*) from st") == [(3,)], "the refresh")
        assert scheduler_pid(again) is not None


def test_background_scheduler_comes_back_after_a_reset(clean, connection, eventually):
    clean.start_scheduler()
    clean.reset()
    with psycopg.connect(clean.dsn(), autocommit=True) as again:
        eventually(lambda: scheduler_pid(again), "the scheduler's session")


def test_background_scheduler_obeys_settings_that_change_while_it_runs(clean, connection, eventually):
    create(connection, "public.st", "select id from public.orders", "1s")
    clean.start_scheduler()
    history = "select count(*) from pgstream.pgs_refresh_history"
    last_query = "select query_start from pg_stat_activity where application_name = 'pg_stream scheduler'"
    eventually(lambda: rows(connection, history)[0][0] > 0, "a first refresh")
    connection.execute("alter system set pg_stream.enabled = off")
    connection.execute("select pg_reload_conf()")
    connection.execute("insert into orders values (3, 30)")

    def turns_leave_what_is_due() -> bool:
        connection.execute("update pgstream.pgs_stream_tables set data_timestamp = now() - interval '1 hour'")
        so_far = rows(connection, history)
        for _ in range(10):  # a turn has five queries at most, and the first may have begun before this
            last = rows(connection, last_query)
            eventually(lambda last=last: rows(connection, last_query) != last, "a query of the scheduler")
        return rows(connection, history) == so_far

    eventually(turns_leave_what_is_due, "idleness")
    connection.execute("alter system reset pg_stream.enabled")
    connection.execute("select pg_reload_conf()")
    eventually(lambda: rows(connection, "select count(*) from st") == [(3,)], "the refresh")


def test_only_database_postgres_is_served(clean, connection, eventually):
    dsn = clean.create_database("elsewhere")
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("create table orders as select 1 as id, 1 as amount")
        create(other, "public.st", "select id from public.orders", "1s")
        create(connection, "public.st", "select id from public.orders", "1s")
        clean.start_scheduler()
        history = "select count(*) from pgstream.pgs_refresh_history"
        eventually(lambda: rows(connection, history)[0][0] >= 2, "two refreshes")
        assert rows(other, history) == [(0,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_scheduler_stops_in_the_middle_of_a_refresh_and_cancels_it(clean, connection, eventually, number):
    query = "select id, pg_sleep(60)::text from public.orders where id > 2"
    connection.execute("select pgstream.create_stream_table('public.slow', %s, '1s', 'FULL')", [query])
    connection.execute("insert into orders values (3, 30)")
    command = [sys.executable, "-m", "airflow_provider_pgstream.emulator._scheduler", clean.dsn()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    asleep = "select pid from pg_stat_activity where wait_event = 'PgSleep'"
    eventually(lambda: rows(connection, asleep), "the slow refresh")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    eventually(lambda: not rows(connection, asleep), "the cancelling")


def test_scheduler_ends_with_its_parent(clean, connection, eventually):
    script = (
        "import os, subprocess, sys; subprocess.Popen([sys.executable, '-m', "
        f"'airflow_provider_pgstream.emulator._scheduler', '--parent', str(os.getpid()), {clean.dsn()!r}]); "
        "sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    eventually(lambda: scheduler_pid(connection), "the scheduler's session")
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    eventually(lambda: scheduler_pid(connection) is None, "the end of the scheduler")
