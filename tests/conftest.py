"""What all tests share: an Airflow home of their own, and the database they run against."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

# Airflow reads its settings when it is imported, so they are set before anything can import it.
_HOME = Path(os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pgstream-airflow-")))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "false")
os.environ.setdefault("AIRFLOW__CORE__DAGS_FOLDER", str(_HOME / "dags"))
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "false")
os.environ.setdefault("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{_HOME}/airflow.db")
os.environ.setdefault("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "false")

CONN_ID = "pgstream_test"


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
def airflow_db() -> None:
    """Airflow's own metadata database (SQLite), made once."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def run_dag(airflow_db: None) -> Callable[..., Any]:
    """Run a DAG made inside a test with ``dag.test()`` and real task instances; returns the DAG run."""

    def run(dag: Any, **kwargs: Any) -> Any:
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
