"""A small dbt project on a database, and Cosmos' graphs of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.dbt import package_path

# To render a graph Airflow's database is not needed; what dbt has parsed once is kept, but not for long.
os.environ.setdefault("AIRFLOW__COSMOS__ENABLE_CACHE_DBT_LS", "false")
os.environ.setdefault("AIRFLOW__COSMOS__CACHE_DIR", tempfile.mkdtemp(prefix="pgstream-cosmos-"))
os.environ.setdefault("AIRFLOW__COSMOS__ENABLE_TELEMETRY", "false")

with warnings.catch_warnings():
    # Cosmos imports deprecated modules of Airflow: its affair.
    warnings.simplefilter("ignore")
    import airflow  # noqa: F401
    import cosmos
    from cosmos import DbtDag, DbtTaskGroup  # noqa: F401
    from cosmos.constants import LoadMode, TestBehavior
    from cosmos.profiles import PostgresUserPasswordProfileMapping

CONN_ID = "pgstream_test"
TestBehavior.__test__ = False  # pytest would collect it for its name
PROJECT = Path(__file__).with_name("project")
ORDERS = [("ann", "toy", 10), ("ann", "book", 20), ("bob", "toy", 5), ("cid", "book", 7)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Cosmos, dbt and Airflow warn of each other; our own warnings stay errors."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.filterwarnings("error:::airflow_provider_pgstream"))


@dataclass(frozen=True)
class Shop:
    """
    The database that the project works on.

    :param dsn: the database.
    :param conn_id: the Airflow connection that leads there.
    """

    dsn: str
    conn_id: str

    def execute(self, sql: str) -> None:
        """Run a statement, in a session of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query returns, in a session of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def exists(self, relation: str) -> bool:
        """Tell whether there is such a relation."""
        return self.rows(f"select to_regclass('{relation}') is not null")[0][0]

    def order(self, customer: str, kind: str, amount: int) -> None:
        """Add an order."""
        self.execute(f"insert into raw.orders values ('{customer}', '{kind}', {amount})")

    def best(self) -> list[tuple[Any, ...]]:
        """Return what the ordinary models make of the stream tables."""
        return self.rows("select customer, amount from shop.best order by amount desc")

    def best_of_the_orders(self) -> list[tuple[Any, ...]]:
        """Return the same, computed straight from the orders."""
        return self.rows(
            "select customer, sum(amount) from raw.orders group by customer order by sum(amount) desc limit 2"
        )


@pytest.fixture
def shop(pgstream_dsn: str, pgstream_conn_id: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A database with orders, in which dbt has not yet run."""
    variable = f"AIRFLOW_CONN_{pgstream_conn_id.upper()}"
    connection = json.loads(os.environ[variable])
    # Cosmos' profile wants a password, even for a server that asks for none.
    connection["password"] = connection["password"] or "none"
    monkeypatch.setenv(variable, json.dumps(connection))
    shop = Shop(pgstream_dsn, pgstream_conn_id)
    shop.execute("drop schema if exists shop, shop_live, raw cascade")
    shop.execute("create schema raw; create table raw.orders (customer text, kind text, amount int)")
    for order in ORDERS:
        shop.order(*order)
    return shop


def in_project(*arguments: str, project: Path) -> Any:
    """Run dbt, with a profile that leads nowhere, and return its result."""
    from dbt.cli.main import dbtRunner

    (project / "profiles.yml").write_text(
        "shop: {target: dev, outputs: {dev: {type: postgres, host: localhost, user: u, password: p, port: 1, "
        "dbname: postgres, schema: shop}}}"
    )
    result = dbtRunner().invoke([*arguments, "--project-dir", str(project), "--profiles-dir", str(project)])
    assert result.success, result.exception or result.result
    (project / "profiles.yml").unlink()
    return result.result


@pytest.fixture(scope="session")
def installed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its package installed and its manifest written: tests need not wait for either."""
    project = tmp_path_factory.mktemp("dbt") / "shop"
    shutil.copytree(PROJECT, project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGSTREAM_DBT_PACKAGE", str(package_path()))
        in_project("deps", project=project)
        in_project("parse", project=project)
    (project / "packages.yml").unlink()
    (project / "package-lock.yml").unlink()
    return project


@dataclass(frozen=True)
class Project:
    """
    The dbt project, and the arguments with which Cosmos' classes render it.

    :param path: its folder.
    """

    path: Path

    def configs(
        self,
        test_behavior: TestBehavior = TestBehavior.AFTER_EACH,
        load_method: LoadMode = LoadMode.DBT_MANIFEST,
        execution: cosmos.ExecutionConfig | None = None,
        **render: Any,
    ) -> dict[str, Any]:
        """Return the arguments of a ``DbtDag`` or ``DbtTaskGroup``."""
        manifest = self.path / "target" / "manifest.json" if load_method is LoadMode.DBT_MANIFEST else None
        mapping = PostgresUserPasswordProfileMapping(conn_id=CONN_ID, profile_args={"schema": "shop"})
        return {
            "project_config": cosmos.ProjectConfig(self.path, manifest_path=manifest, install_dbt_deps=False),
            "profile_config": cosmos.ProfileConfig("shop", "dev", profile_mapping=mapping),
            "execution_config": execution or cosmos.ExecutionConfig(),
            "render_config": cosmos.RenderConfig(
                test_behavior=test_behavior, load_method=load_method, **render
            ),
        }


@pytest.fixture
def project(installed_project: Path) -> Project:
    """The dbt project, ready to be rendered and run."""
    return Project(installed_project)


@pytest.fixture
def variant(installed_project: Path, tmp_path: Path) -> Callable[[Mapping[str, str]], Project]:
    """Make the project anew with other files in it: their texts by their paths."""

    def make(files: Mapping[str, str]) -> Project:
        path = tmp_path / "variant" / "shop"
        shutil.copytree(installed_project, path, ignore=shutil.ignore_patterns("target"))
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
        in_project("parse", project=path)
        return Project(path)

    return make


@pytest.fixture(scope="session")
def dbt_ls_file(installed_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``dbt ls`` prints of the project, for Cosmos to load."""
    keys = "name unique_id resource_type depends_on original_file_path tags config freshness fqn"
    lines = in_project("ls", "--quiet", "--output", "json", "--output-keys", keys, project=installed_project)
    path = tmp_path_factory.mktemp("dbt_ls") / "ls.jsonl"
    path.write_text("\n".join(lines))
    return path
