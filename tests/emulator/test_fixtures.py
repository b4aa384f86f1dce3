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
