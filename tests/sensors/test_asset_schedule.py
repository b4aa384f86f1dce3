"""Under a real scheduler, a DAG that runs on a table's asset and waits for it does not start itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pgstream import _compat
from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream.assets import asset_of
from tests.triggers.test_triggerer import CONN_ID, SETTINGS, Services, eventually

pytestmark = pytest.mark.skipif(not _compat.AIRFLOW_3, reason="the harness drives the REST API of Airflow 3")

DAGS = Path(__file__).with_name("asset_dags")
NAME = "public.order_totals"


@pytest.fixture
def services(tmp_path: Path, request: pytest.FixtureRequest, orders: Any) -> Iterator[Services]:
    """Scheduler, DAG processor, triggerer and API server, for a database with orders and their totals."""
    from demo.airflow import Airflow
    from demo.processes import Processes

    orders.create(NAME)
    info = orders.connection.info
    dsn = os.environ.get("PGSTREAM_TEST_DSN") or request.getfixturevalue("pgstream_dsn")
    airflow = Airflow(
        tmp_path / "home", sorted(DAGS.glob("*.py")), {CONN_ID: dsn.replace("postgresql://", "postgres://")}
    )
    place = Place(info.dbname, info.host, info.port, CONN_ID, info.user)
    airflow.environment.update(SETTINGS, ORDER_TOTALS=asset_of(NAME, place).uri)
    with Processes() as processes:
        airflow.make_metadata(processes)
        airflow.start(processes)
        for dag_id in ("produce", "consume"):
            airflow.wait_for(dag_id, processes, lambda _: None)
        yield Services(airflow, processes)


def test_dag_that_waits_for_the_table_whose_asset_starts_it_runs_once_for_each_refresh(
    services: Services, orders: Any
) -> None:
    for number in (1, 2):
        orders.sql("insert into public.orders values (%s, 3, 30)", 10 + number)
        services.await_states(services.run("produce"), refresh="success")
        eventually(
            lambda number=number: services.runs("consume") == ["success"] * number,
            f"{number} runs of consume",
        )
    # An event is registered with the success of its task: those of both runs would be here.
    events = services.airflow.call("/api/v2/assets/events")["asset_events"]
    assert [event["source_dag_id"] for event in events] == ["produce", "produce"]
    assert services.runs("consume") == ["success", "success"]
