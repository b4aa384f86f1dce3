"""dbt's own suite for adapters, ``dbt-tests-adapter``, with its models as stream tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from airflow_provider_pgstream.dbt import package_path
from tests.dbt.adapter.stream import as_stream_table
from tests.dbt.conftest import with_database
from tests.fixtures.engine import ENGINE

try:
    from dbt.tests.fixtures.project import *  # noqa: F403 - its fixtures
except ImportError:  # the environments of older releases do not have the suite
    collect_ignore_glob = ["test_*.py"]

HERE = Path(__file__).parent
DATABASE = "dbt"
"""What the suite's own checks of hooks expect."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def adapter_dsn(engine_dsn: str) -> Iterator[str]:
    """A database that no scheduler serves, with a table of one row: a stream table has to read one."""
    with psycopg.connect(engine_dsn, autocommit=True) as server:
        server.execute(f"drop database if exists {DATABASE} with (force)")
        server.execute(f"create database {DATABASE} template template0")
        if ENGINE.scheduler_database is None:
            server.execute(f"alter database {DATABASE} set {ENGINE.extension}.enabled = off")
        dsn = with_database(engine_dsn, DATABASE)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"create extension {ENGINE.extension}")
            connection.execute("create table public.one_row as select 1 as one")
        yield dsn
        server.execute(f"drop database if exists {DATABASE} with (force)")


@pytest.fixture(scope="class")
def dbt_profile_target(adapter_dsn: str) -> dict[str, Any]:
    url = urlsplit(adapter_dsn)
    return {
        "type": "postgres",
        "threads": 4,
        "host": url.hostname,
        "port": url.port,
        "user": unquote(url.username or "postgres"),
        "pass": unquote(url.password or "none"),
        "dbname": DATABASE,
    }


@pytest.fixture(scope="class")
def project_root(tmpdir_factory: pytest.TempdirFactory) -> Any:
    root = tmpdir_factory.mktemp("project")
    packages = Path(root, "dbt_packages")
    packages.mkdir()
    (packages / "pgstream").symlink_to(package_path())
    return root


@pytest.fixture(scope="class")
def logs_dir(tmpdir_factory: pytest.TempdirFactory) -> Iterator[str]:
    directory = str(tmpdir_factory.mktemp("logs"))
    os.environ["DBT_LOG_PATH"] = directory
    yield directory
    del os.environ["DBT_LOG_PATH"]


@pytest.fixture(scope="class")
def project(project_setup: Any, project_files: Any, project_root: Any, request: pytest.FixtureRequest) -> Any:
    """The suite's project; models of the kinds that the class names, by default tables, are stream tables."""
    kinds = getattr(request.cls, "kinds", ("table",))
    for file in Path(project_root, "models").rglob("*.*"):
        file.write_text(as_stream_table(file.name, file.read_text(), kinds))
    return project_setup
