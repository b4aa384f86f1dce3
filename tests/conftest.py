"""What all tests share: an Airflow home of their own, and the database they run against."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import tempfile
import warnings
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

# Airflow reads its settings when it is imported, so they are set before anything can import it.
_HOME = Path(os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pgstream-airflow-")))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "false")
os.environ.setdefault("AIRFLOW__CORE__DAGS_FOLDER", str(_HOME / "dags"))
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "false")
os.environ.setdefault("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{_HOME}/airflow.db")
os.environ.setdefault("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "false")

# Airflow 2.11 warns of itself when it is imported, and a warning in a test is an error.
if find_spec("airflow") and version("apache-airflow").startswith("2."):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("airflow.models.baseoperator", "airflow.models.dagbag"):
            import_module(name)

from tests.fixtures.engine import ENGINE, IS_FIRST, TEST_DSN  # noqa: E402 - after Airflow's settings

CONN_ID = "pgstream_test"

pytest_plugins = ["tests.fixtures.orders", "tests.fixtures.tasks"]

# A shell's background job ignores Ctrl-C, and so would what tests start there in order to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the long tests to ``scripts/test full``, and to the emulator what only it can do."""
    for item in items:
        if item.get_closest_marker("full") and not os.environ.get("PGSTREAM_FULL"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: `scripts/test full` runs it"))
        if TEST_DSN and (mark := item.get_closest_marker("emulator_only")):
            item.add_marker(pytest.mark.skip(reason=f"only on the emulator: {mark.args[0]}"))
        if not IS_FIRST and (mark := item.get_closest_marker("pg_stream_only")):
            item.add_marker(pytest.mark.skip(reason=f"not on {ENGINE.extension}: {mark.args[0]}"))
        if IS_FIRST and (mark := item.get_closest_marker("pg_trickle_only")):
            item.add_marker(pytest.mark.skip(reason=f"only on pg_trickle: {mark.args[0]}"))


# A server with a real extension, instead of the emulator. Its database is emptied before each test.
MARK = "tests of airflow-provider-pgstream may drop everything in this database, and every role"


@pytest.fixture(scope="session")
def pgstream_engine() -> str:
    """The engine that the emulator passes for: PGSTREAM_TEST_ENGINE, or pg_stream."""
    return os.environ.get("PGSTREAM_TEST_ENGINE", "pg_stream")


@pytest.fixture(scope="session")
def pgstream_settings(pgstream_engine: str) -> dict[str, str]:
    """Schedules of a second, and a scheduler that looks often: tests cannot wait for minutes."""
    return {f"{pgstream_engine}.min_schedule_seconds": "1", f"{pgstream_engine}.scheduler_interval_ms": "200"}


if TEST_DSN:

    @pytest.fixture(scope="session")
    def pgstream_test_server() -> str:
        """The server that PGSTREAM_TEST_DSN names, if it is one whose database may be emptied."""
        with psycopg.connect(TEST_DSN, autocommit=True) as connection:
            found = connection.execute(
                "select shobj_description(oid, 'pg_database') is not distinct from %s or not ("
                " exists (select from pg_class"
                " where relnamespace::regnamespace::text !~ '^(pg_|pgstream|pgtrickle|information_schema)')"
                " or exists (select from pg_roles where not rolsuper and rolname !~ '^pg_'))"
                "from pg_database where datname = current_database()",
                [MARK],
            ).fetchone()
            if found != (True,):
                pytest.exit(f"the server of PGSTREAM_TEST_DSN is not empty: to lose all, {_marking()}", 2)
            connection.execute(_marking())
        return TEST_DSN

    @pytest.fixture
    def pgstream_dsn(pgstream_test_server: str) -> str:
        """The database of PGSTREAM_TEST_DSN, with nothing but the extension at the start of each test."""
        with psycopg.connect(pgstream_test_server, autocommit=True) as connection:
            _empty(connection)
        return pgstream_test_server


def _marking() -> str:
    return f"comment on database {urlsplit(TEST_DSN or '').path.lstrip('/') or 'postgres'} is '{MARK}'"


# In the order in which they run; each yields statements.
EMPTYING = (
    # Sessions that a test forgot, with the locks of refreshes that failed in them.
    "select format('select pg_terminate_backend(%s, 10000)', pid) from pg_stat_activity "
    "where pid <> pg_backend_pid() and datname = current_database() and backend_type = 'client backend'",
    # The scheduler is to begin nothing more.
    f"values ($$update {ENGINE.catalog} set status = 'SUSPENDED'$$)",
    # Not drop_stream_table(), which fails for a table whose source is gone: an event trigger cleans up.
    f"select format('drop table if exists %I.%I cascade', {ENGINE.prefix}_schema, {ENGINE.prefix}_name) "
    f"from {ENGINE.catalog}",
    f"values ('delete from {ENGINE.catalog}'), ('delete from {ENGINE.dependencies}'),"
    f" ('delete from {ENGINE.history}'), ('delete from {ENGINE.tracking}')",
    "select format('delete from %s', oid::regclass) from pg_class"
    f" where relnamespace = '{ENGINE.schema}'::regnamespace"
    " and relname in ('pgt_watermark_groups', 'pgt_watermarks', 'pgt_source_gates')",
    "select format('drop schema %I cascade', nspname) from pg_namespace "
    f"where nspname not in ('{ENGINE.schema}', '{ENGINE.changes_schema}')"
    " and nspname !~ '^(pg_|information_schema$|public$)'",
    # Schema public itself stays, for the extension stands in it.
    "select format('drop %s if exists %s cascade', o.type, o.identity) from ("
    " select 'pg_class'::regclass as catalog, oid from pg_class"
    " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f')"
    " union all select 'pg_proc'::regclass, oid from pg_proc where pronamespace = 'public'::regnamespace"
    " union all select 'pg_type'::regclass, t.oid from pg_type t left join pg_class c on c.oid = t.typrelid"
    " where typnamespace = 'public'::regnamespace and (typtype in ('e', 'd', 'r') or c.relkind = 'c')"
    ") x, pg_identify_object(x.catalog, x.oid, 0) o where not exists (select from pg_depend d "
    "where d.classid = x.catalog and d.objid = x.oid"
    " and (d.deptype = 'e' or d.deptype = 'i' and d.refobjsubid > 0))",  # the sequence of an identity column
    "select format('drop table %I.%I cascade', schemaname, tablename) from pg_tables "
    f"where schemaname = '{ENGINE.changes_schema}'",
    "select format('drop function %s cascade', p.oid::regprocedure) from pg_proc p"
    f" where p.pronamespace = '{ENGINE.changes_schema}'::regnamespace",
    "select format('drop owned by %I; drop role %I', rolname, rolname) from pg_roles "
    "where not rolsuper and rolname !~ '^pg_'",
    "select format('alter %s reset all', case when r.oid is null then format('database %I', d.datname)"
    " when d.oid is null then format('role %I', r.rolname)"
    " else format('role %I in database %I', r.rolname, d.datname) end) from pg_db_role_setting s "
    "left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase",
    "values ('alter system reset all'), ('select pg_reload_conf()')",
)


def _empty(connection: psycopg.Connection[Any]) -> None:
    """Drop what an earlier test left: sessions, tables, roles, settings."""
    try:
        for query in EMPTYING:
            for (statement,) in connection.execute(query).fetchall():
                connection.execute(statement)
    except psycopg.errors.DeadlockDetected:  # with what the scheduler had begun
        _empty(connection)


def connection_json(dsn: str, conn_type: str = "postgres") -> str:
    """Return an Airflow connection, as JSON, for a ``postgresql://`` DSN."""
    url = urlsplit(dsn)
    return json.dumps(
        {
            "conn_type": conn_type,
            "host": url.hostname,
            "port": url.port,
            "login": unquote(url.username or ""),
            "password": unquote(url.password or ""),
            "schema": url.path.lstrip("/"),
        }
    )


@pytest.fixture
def pgstream_conn_id(pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection to the test's database."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(pgstream_dsn))
    return CONN_ID


@pytest.fixture(scope="session")
def airflow_db() -> Path:
    """Airflow's own metadata database (SQLite), made once; returns a copy in which nothing has run yet."""
    from airflow.utils.db import initdb

    with warnings.catch_warnings():
        # Airflow 2.11 warns of what its own libraries do.
        warnings.simplefilter("ignore")
        initdb()
    pristine = _HOME / "pristine.db"
    with closing(sqlite3.connect(_HOME / "airflow.db")) as made, closing(sqlite3.connect(pristine)) as copy:
        made.backup(copy)
    return pristine


@pytest.fixture
def run_dag(airflow_db: Path) -> Callable[..., Any]:
    """Run a DAG made inside a test with ``dag.test()`` and real task instances; returns the DAG run."""

    def run(dag: Any, **kwargs: Any) -> Any:
        from airflow import __version__

        if __version__.startswith("2."):
            dag.sync_to_db()  # else the aliases of its assets are not known
            return dag.test(**kwargs)
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        from airflow.utils.session import create_session

        with create_session() as session:
            DagBundlesManager().sync_bundles_to_db(session=session)
        bag = DagBag(dag_folder=os.devnull, load_op_links=False, bundle_name="dags-folder")
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)
        return dag.test(**kwargs)

    return run
