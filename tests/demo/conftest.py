"""The demo DAG on the database of the tests."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

os.environ.setdefault("AIRFLOW__COSMOS__CACHE_DIR", tempfile.mkdtemp(prefix="pgstream-cosmos-"))
os.environ.setdefault("AIRFLOW__COSMOS__ENABLE_TELEMETRY", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Cosmos, dbt and Airflow warn of each other; our own warnings stay errors."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.filterwarnings("error:::airflow_provider_pgstream"))


@pytest.fixture(autouse=True)
def demo_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the test's own for what a demo keeps: one may be running in this checkout."""
    monkeypatch.setenv("PGSTREAM_DEMO_DIR", str(tmp_path / "demo"))
    return tmp_path / "demo"


@pytest.fixture
def flight_delays(
    airflow_db: None, pgstream_dsn: str, connection_json: str, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The module of the demo DAG, whose connection leads to the test's database."""
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS", connection_json)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    path = ROOT / "dags" / "flight_delays.py"
    spec = importlib.util.spec_from_file_location("flight_delays", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def connection_json(pgstream_conn_id: str) -> str:
    """An Airflow connection to the test's database, with a password, which Cosmos wants."""
    connection = json.loads(os.environ[f"AIRFLOW_CONN_{pgstream_conn_id.upper()}"])
    connection["password"] = connection["password"] or "not-asked-for"
    return json.dumps(connection)
