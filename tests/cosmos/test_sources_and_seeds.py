"""Sources and seeds before a stream table: what Cosmos draws of them, and the rows that come of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cosmos.constants import SourceRenderingBehavior, TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

START = {"dag_id": "shop", "schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
TOTALS = """
    {{ config(initialize=false, alias='order_totals') }}
    select o.customer, sum(o.amount * p.points) as amount, count(*) as orders
    from {{ source('raw', 'orders') }} o join {{ ref('points') }} p on p.kind = o.kind
    group by o.customer
"""


@pytest.fixture
def seeded(variant):
    """The project with a seed, which the stream table joins to its source."""
    return variant({"models/stream/totals.sql": TOTALS, "seeds/points.csv": "kind,points\ntoy,1\nbook,2\n"})


@pytest.mark.full
def test_downstream_has_the_rows_of_both_in_each_run_and_after_the_seed_has_changed(run_dag, seeded, shop):
    def run() -> None:
        configs = seeded.configs(
            TestBehavior.NONE,
            exclude=["kinds", "overview", "report"],
            source_rendering_behavior=SourceRenderingBehavior.ALL,
        )
        dag = PgStreamDbtDag(**START, refresh="always", **configs)
        assert dag.get_task("totals_run").upstream_task_ids == {"points_seed", "raw_orders_source"}
        assert dag.get_task("totals_populated").downstream_task_ids == {"renamed_run"}
        states = {ti.task_id: str(ti.state) for ti in run_dag(dag).get_task_instances()}
        assert states.pop("raw_orders_source") in {"success", "skipped"}
        assert set(states.values()) == {"success"}

    run()
    assert shop.best() == [("ann", 50), ("cid", 14)]

    shop.order("bob", "book", 100)
    (seeded.path / "seeds" / "points.csv").write_text("kind,points\ntoy,3\nbook,1\n")
    run()
    assert shop.best() == [("bob", 115), ("ann", 50)]
