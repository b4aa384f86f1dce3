"""The example DAGs for Cosmos, run as they stand, on a month that the demo DAG has loaded."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.cosmos.scheduled import scheduled

DAGS = Path(__file__).parents[2] / "dags"
FLIGHTS_OF_JANUARY = 27_004
TABLES = (
    "carrier_delays",
    "route_delays",
    "daily_delays",
    "airport_delays",
    "carrier_ranking",
    "route_ranking",
)

pytestmark = [pytest.mark.airflow3, pytest.mark.full, pytest.mark.timeout(900)]


@pytest.fixture
def module_of(airflow_db, shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a DAG file whose connection leads to the test's database."""
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS", os.environ[f"AIRFLOW_CONN_{shop.conn_id.upper()}"])
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    shop.execute("drop schema if exists analytics, raw cascade")

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, DAGS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def january(module_of, shop) -> str:
    """The flights of January in the test's database, and the connection to it."""
    flights = module_of("flight_delays")
    flights.load_names.function()
    assert flights.load_month.function(params={"month": 1})["flights"] == FLIGHTS_OF_JANUARY
    return os.environ["AIRFLOW_CONN_FLIGHTS"]


def assert_every_flight_counted_in_every_table(shop) -> None:
    counted = {table: shop.rows(f"select sum(flights)::int from analytics.{table}")[0][0] for table in TABLES}
    assert counted == dict.fromkeys(TABLES, FLIGHTS_OF_JANUARY)


@pytest.mark.usefixtures("january")
def test_the_example_for_local_counts_every_flight_in_every_table(module_of, run_dag, shop):
    run = run_dag(module_of("example_cosmos_local").dag)

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    assert_every_flight_counted_in_every_table(shop)


def test_the_example_for_watcher_counts_every_flight_in_every_table(january, shop, tmp_path):
    # Not dag.test(), which runs one task at a time: a model's would wait for a producer that cannot start.
    files = [DAGS / "example_cosmos_watcher.py", DAGS / "dbt"]
    with scheduled(tmp_path / "airflow", files, {"flights": january}) as dag:
        assert set(dag.run().values()) == {"success"}

    assert_every_flight_counted_in_every_table(shop)
