"""``wait_for="fresh"`` where nobody but the engine's own scheduler refreshes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cosmos.constants import TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

START = {"dag_id": "shop", "schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
EVERY_SECOND = """
    {{ config(schedule='1s', alias='order_totals') }}
    select customer, sum(amount) as amount, count(*) as orders from raw.orders group by customer
"""


@pytest.fixture
def engine_scheduler(request: pytest.FixtureRequest, pgstream_dsn: str) -> Iterator[None]:
    """The engine's scheduler at work: the extension always has one, the emulator when asked."""
    if os.environ.get("PGSTREAM_TEST_DSN"):
        yield
        return
    server = request.getfixturevalue("pgstream_server")
    server.start_scheduler()
    yield
    server.stop_scheduler()


@pytest.mark.usefixtures("engine_scheduler")
def test_each_run_reads_the_rows_that_were_there_when_it_began(run_dag, variant, shop):
    project = variant({"models/stream/totals.sql": EVERY_SECOND})

    def run() -> Any:
        configs = project.configs(TestBehavior.NONE, select=["totals", "renamed", "best"])
        waiting = {"poke_interval": 0.5, "timeout": 120}
        dag = PgStreamDbtDag(**START, wait_for="fresh", refresh="auto", sensor_args=waiting, **configs)
        assert dag.get_task("totals_run").downstream_task_ids == {"totals_fresh"}
        dag_run = run_dag(dag)
        assert {str(ti.state) for ti in dag_run.get_task_instances()} == {"success"}
        return dag_run

    run()
    assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]

    shop.order("dan", "toy", 100)
    run()
    assert shop.best() == shop.best_of_the_orders() == [("dan", 100), ("ann", 30)]
