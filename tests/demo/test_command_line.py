"""What ``scripts/demo`` says when it cannot go on: one sentence that says what to do, and no password."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from airflow_provider_pgstream.emulator import PgStreamServer

ROOT = Path(__file__).parents[2]
PASSWORD = "open-sesame"


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo in this environment, without installing one."""
    command = [sys.executable, "-m", "demo", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def sentence(*arguments: str) -> str:
    """Return the one line that a demo says which cannot go on."""
    ended = demo(*arguments)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stderr.startswith("scripts/demo: ")
    assert ended.stderr.count("\n") == 1
    assert PASSWORD not in ended.stdout + ended.stderr
    return ended.stderr


@pytest.fixture(scope="module")
def guarded_server() -> Iterator[PgStreamServer]:
    """A server that asks for a password."""
    with PgStreamServer(scheduler=False, password=PASSWORD) as server:
        yield server


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["now"], "unrecognized arguments: now"),
        (["--dsn"], "argument --dsn: expected one argument"),
        (["--dsn", f"postgres:{PASSWORD}@db1"], "a DSN reads postgresql://user:password@host:port/postgres"),
    ],
)
def test_an_argument_that_means_nothing_is_refused_before_anything_is_installed(
    arguments: list[str], said: str
) -> None:
    environment = {**os.environ, "PYTHON": sys.executable}
    command = [ROOT / "scripts" / "demo", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert PASSWORD not in ended.stderr


def test_a_python_that_is_not_there_is_named() -> None:
    environment = {**os.environ, "PYTHON": "python-of-nobody"}
    ended = subprocess.run(
        [ROOT / "scripts" / "demo"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert ended.returncode == 1
    assert "'python-of-nobody' is not on PATH" in ended.stderr


def test_an_unreachable_server_is_named_without_its_password() -> None:
    said = sentence("--dsn", f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/postgres")
    assert "no session at 127.0.0.1:1: Connection refused; check --dsn" in said


@pytest.mark.parametrize("password", [f"{PASSWORD}@x", f"{PASSWORD}/x"])
def test_a_password_that_must_be_encoded_is_not_shown(password: str) -> None:
    said = sentence("--dsn", f"postgresql://postgres:{password}@127.0.0.1:1/postgres")
    assert "the DSN cannot be read" in said
    assert "open" not in said


def test_a_wrong_password_is_not_shown(guarded_server: PgStreamServer) -> None:
    dsn = guarded_server.dsn().replace(PASSWORD, f"not-{PASSWORD}")
    assert 'password authentication failed for user "postgres"' in sentence("--dsn", dsn)


def test_a_server_without_the_extension_is_told_of(guarded_server: PgStreamServer) -> None:
    with psycopg.connect(guarded_server.dsn(), autocommit=True) as connection:
        connection.execute("alter system set extension_control_path = '$system'")
        connection.execute("select pg_reload_conf()")
        try:
            said = sentence("--dsn", guarded_server.dsn())
        finally:
            connection.execute("alter system reset extension_control_path")
            connection.execute("select pg_reload_conf()")
    assert "does not have the extension pg_stream: install it there, or leave out --dsn" in said


def test_a_database_of_somebody_else_is_not_dropped(guarded_server: PgStreamServer) -> None:
    with psycopg.connect(guarded_server.dsn(), autocommit=True) as connection:
        connection.execute("create database flights")
        said = sentence("--dsn", guarded_server.dsn())
        assert "has a database 'flights' that the demo did not make" in said
        assert connection.execute("select from pg_database where datname = 'flights'").fetchone() is not None
        connection.execute("drop database flights")


def test_a_role_that_may_not_create_databases_is_told_so(guarded_server: PgStreamServer) -> None:
    with psycopg.connect(guarded_server.dsn(), autocommit=True) as connection:
        connection.execute(f"create role reader login password '{PASSWORD}'")
    said = sentence(
        "--dsn", guarded_server.dsn().replace("postgres:", "reader:", 1).replace("reader://", "postgres://")
    )
    assert "database 'flights' could not be made" in said
    assert "permission denied to create database" in said
