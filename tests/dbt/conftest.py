"""A dbt project on a database of its own, driven in this process."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.rows import dict_row

from airflow_provider_pgstream.dbt import package_path
from tests.fixtures.engine import ENGINE, IS_FIRST, connect, dressed, tamper

HERE = Path(__file__).parent
DATABASE = "dbt_test"
TEMPLATE = "dbt_test_template"
TOTALS_TEMPLATE = "dbt_test_totals_template"

# What dbt and its dependencies warn of themselves; ours would come from no module of theirs.
DBT_WARNINGS = [
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore:.*dbt.*:UserWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            for filter_ in DBT_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(filter_))


@pytest.fixture(scope="session", autouse=True)
def cheap_behavior_flags() -> Iterator[None]:
    """To name the maker of a flag dbt reads the source of the whole stack: a third of each call here."""
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("dbt_common"):  # from dbt 1.8 on
            from dbt_common.behavior_flags import BehaviorFlagRendered

            patch.setattr(BehaviorFlagRendered, "_default_source", staticmethod(lambda: "dbt"))
        yield


@dataclass
class Result:
    """What one invocation of dbt did and said."""

    success: bool
    text: str
    messages: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


class Project:
    """A dbt project in a directory, whose stream tables live in a database of its own."""

    def __init__(self, path: Path, dsn: str) -> None:
        self.path = path
        self.dsn = dsn
        # dbt writes target/*.json at every call, few tests read them: without, the suite is a quarter faster.
        self.env = {**profile_environment(dsn), "DBT_WRITE_JSON": "false"}

    def start_afresh(self) -> Project:
        """Make it an empty project, with the orders as its source."""
        for directory in ("models", "seeds", "snapshots", "macros", "tests"):
            shutil.rmtree(self.path / directory, ignore_errors=True)
        self.write("dbt_project.yml", DBT_PROJECT)
        self.write("profiles.yml", PROFILES)
        self.write("models/sources.yml", SOURCES)
        return self

    def write_artifacts(self) -> None:
        """From here on dbt writes manifest.json and the other files in target/."""
        self.env["DBT_WRITE_JSON"] = "true"

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def model(self, name: str, query: str, **config: Any) -> None:
        """Write a model; a stream table with a schedule of null, unless ``config`` says otherwise."""
        config = {"materialized": "stream_table", "schedule": None, **config}
        if config.get("materialized") != "stream_table":
            config.pop("schedule")
        arguments = ", ".join(f"{key}={value!r}" for key, value in config.items())
        self.write(f"models/{name}.sql", "{{ config(" + arguments + ") }}\n" + query)

    def dbt(self, *args: str) -> Result:
        """Run dbt in this process."""
        from dbt.cli.main import dbtRunner

        lines: list[str] = []
        runner = dbtRunner(callbacks=[lambda event: lines.append(event.info.msg)])
        where = ["--project-dir", str(self.path), "--profiles-dir", str(self.path)]
        if "--vars" in args:  # they would make dbt parse everything again, now and at the next call
            where += ["--target-path", "target_of_vars"]
        with environment(self.env):
            outcome = runner.invoke([*args, *where])
        result = Result(bool(outcome.success), "\n".join(lines) + f"\n{outcome.exception or ''}")
        if isinstance(outcome.result, list):  # of ls
            result.names = outcome.result
        for one in getattr(outcome.result, "results", None) or []:
            if not hasattr(one, "node"):  # of a run-operation
                continue
            result.messages[one.node.name] = str(one.message)
            result.statuses[one.node.name] = str(one.status)
        return result

    def run(self, *args: str) -> Result:
        return self.dbt("run", *args)

    def operation(self, name: str, args: str = "{}") -> Result:
        return self.dbt("run-operation", name, "--args", args)

    def command(self, *args: str, **kwargs: Any) -> subprocess.Popen[str]:
        """Start dbt as a process."""
        where = ["--project-dir", str(self.path), "--profiles-dir", str(self.path)]
        return subprocess.Popen(
            [dbt_program(), *args, *where],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **kwargs,
        )

    def connect(self) -> psycopg.Connection[Any]:
        return connect(self.dsn, autocommit=True)

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def alter_source(self, statement: str) -> None:
        """Alter a captured table, where an engine keeps its columns as they are, too."""
        with self.connect() as connection:
            if not IS_FIRST:
                connection.execute(f"set {ENGINE.extension}.block_source_ddl = off")
            connection.execute(statement)

    def tamper(self, *statements: str) -> None:
        """Write to a stream table as nobody should."""
        with self.connect() as connection:
            tamper(connection, *statements)

    def stream_table(self, name: str, schema: str = "public") -> dict[str, Any] | None:
        """The catalog's row, with the oid of what stands at that name."""
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            return connection.execute(
                dressed(
                    "select st.*, coalesce(original_query, defining_query) as query, c.oid "
                    "from pgstream.pgs_stream_tables st left join pg_class c on c.relname = pgs_name "
                    "and c.relnamespace = to_regnamespace(quote_ident(pgs_schema)) "
                    "where pgs_schema = %s and pgs_name = %s"
                ),
                (schema, name),
            ).fetchone()

    def kind(self, name: str) -> str | None:
        """``r``, ``v``, ``m``, … or None."""
        rows = self.sql("select relkind::text from pg_class where oid = to_regclass(%s)", name)
        return rows[0][0] if rows else None

    @contextmanager
    def holding(self, statement: str) -> Iterator[psycopg.Connection[Any]]:
        """A session whose transaction has done ``statement`` and stays open; rolled back unless committed."""
        with connect(self.dsn) as connection:
            connection.execute(statement)
            yield connection
            with suppress(psycopg.Error):
                connection.rollback()


def dbt_program() -> str:
    return str(Path(sys.executable).parent / "dbt")


def profile_environment(dsn: str) -> dict[str, str]:
    url = urlsplit(dsn)
    return {
        "PGHOST": url.hostname or "127.0.0.1",
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or "postgres"),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": url.path.lstrip("/"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


PROFILES = """
pgstream_test:
  target: test
  outputs:
    test:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: public
      threads: 4
"""

DBT_PROJECT = """
name: shop
version: "1.0"
config-version: 2
profile: pgstream_test
"""

SOURCES = """
version: 2
sources:
  - name: raw
    schema: public
    tables:
      - name: orders
"""

ORDERS = """
create table orders (id serial primary key, customer_id int, amount numeric);
insert into orders (customer_id, amount) select i % 5, i from generate_series(1, 100) as i;
"""


def with_database(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def engine_dsn(request: pytest.FixtureRequest) -> str:
    """The server: the emulator, or the one that PGSTREAM_TEST_DSN names."""
    dsn = os.environ.get("PGSTREAM_TEST_DSN")
    return dsn or request.getfixturevalue("pgstream_server").dsn()


@pytest.fixture(scope="session")
def is_emulator() -> bool:
    return "PGSTREAM_TEST_DSN" not in os.environ


def has_database(server: psycopg.Connection[Any], name: str) -> bool:
    return server.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None


def make_template(server: psycopg.Connection[Any], engine_dsn: str) -> None:
    """Make a database with the extension and a table of orders, to copy (a reset of the server drops it)."""
    server.execute(f"create database {TEMPLATE} template template0")
    with psycopg.connect(with_database(engine_dsn, TEMPLATE), autocommit=True) as connection:
        connection.execute(f"create extension {ENGINE.extension}")
        connection.execute(ORDERS)
    close(server, TEMPLATE)


def close(server: psycopg.Connection[Any], database: str) -> None:
    """Keep sessions out of a database, a scheduler's too: it can be copied or renamed only without any."""
    server.execute(f"alter database {database} allow_connections false")
    server.execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s", (database,)
    )


@contextmanager
def copied_database(engine_dsn: str, template: str) -> Iterator[str]:
    """A new database; the DSN. No scheduler serves it."""
    with psycopg.connect(engine_dsn, autocommit=True) as server:
        server.execute(f"drop database if exists {DATABASE} with (force)")
        if not has_database(server, TEMPLATE):
            make_template(server, engine_dsn)
        server.execute(f"create database {DATABASE} template {template}")
        if ENGINE.scheduler_database is None:  # its scheduler serves every database
            server.execute(f"alter database {DATABASE} set {ENGINE.extension}.enabled = off")
        yield with_database(engine_dsn, DATABASE)
        server.execute(f"drop database if exists {DATABASE} with (force)")


@pytest.fixture
def database(engine_dsn: str) -> Iterator[str]:
    """A new database with the extension and a table of orders."""
    with copied_database(engine_dsn, TEMPLATE) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def project_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all tests, so that dbt parses the package once."""
    path = tmp_path_factory.mktemp("shop")
    (path / "dbt_packages").mkdir()
    (path / "dbt_packages" / "pgstream").symlink_to(package_path())
    return path


@pytest.fixture
def project(project_directory: Path, database: str) -> Project:
    """An empty project, with the orders as its source, on a database that no scheduler serves."""
    return Project(project_directory, database).start_afresh()


@pytest.fixture
def served_project(
    project_directory: Path, engine_dsn: str, is_emulator: bool, request: pytest.FixtureRequest
) -> Iterator[Project]:
    """An empty project in database ``postgres``, which the scheduler serves."""
    server = request.getfixturevalue("pgstream_server") if is_emulator else None
    if server:
        server.reset()
        server.start_scheduler()
    project = Project(project_directory, engine_dsn).start_afresh()
    clean_served_database(project)
    project.sql(ORDERS)
    yield project
    clean_served_database(project)
    if server:
        server.stop_scheduler()


def clean_served_database(project: Project) -> None:
    for (name,) in project.sql("select pgs_schema || '.' || pgs_name from pgstream.pgs_stream_tables"):
        project.sql("select pgstream.drop_stream_table(%s)", name)
    project.sql("drop table if exists orders cascade")


TOTALS = """
select customer_id, sum(amount) as total, count(*) as orders
from {{ source('raw', 'orders') }}
group by customer_id
"""


def make_totals_template(project_directory: Path, engine_dsn: str) -> None:
    """Make a database in which dbt has created ``order_totals``, to copy under the name in its query."""
    with copied_database(engine_dsn, TEMPLATE) as dsn, psycopg.connect(engine_dsn, autocommit=True) as server:
        assert totals_project(project_directory, dsn).run().success
        close(server, DATABASE)
        server.execute(f"alter database {DATABASE} rename to {TOTALS_TEMPLATE}")


def totals_project(project_directory: Path, dsn: str) -> Project:
    project = Project(project_directory, dsn).start_afresh()
    project.model("order_totals", TOTALS)
    return project


@pytest.fixture
def totals(project_directory: Path, engine_dsn: str) -> Iterator[Project]:
    """A project with one stream table, ``order_totals``, that dbt has created just now."""
    with psycopg.connect(engine_dsn, autocommit=True) as server:
        is_made = has_database(server, TOTALS_TEMPLATE)
    if not is_made:
        make_totals_template(project_directory, engine_dsn)
    with copied_database(engine_dsn, TOTALS_TEMPLATE) as dsn:
        project = totals_project(project_directory, dsn)
        project.sql("update pgstream.pgs_stream_tables set data_timestamp = now()")
        yield project
