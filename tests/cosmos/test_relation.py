"""Which table a gate waits for: the one that its model makes, wherever that lies."""

from __future__ import annotations

from datetime import UTC, datetime

from cosmos.constants import TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

START = {"dag_id": "shop", "schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
HELD = """
{{ config(initialize=false, stream_table_schema='held', stream_table_name='held_totals') }}
select customer, sum(amount) as amount, count(*) as orders from raw.orders group by customer
"""


def test_a_gate_waits_for_the_table_under_the_name_and_in_the_schema_that_its_model_gives_it(
    run_dag, variant, shop
):
    shop.execute("drop schema if exists held cascade")
    project = variant({"models/stream/totals.sql": HELD})
    configs = project.configs(TestBehavior.NONE, select=["totals", "renamed", "best"])

    run = run_dag(PgStreamDbtDag(**START, **configs))

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    gate = run.get_task_instance("totals_populated").xcom_pull(task_ids="totals_populated")
    assert set(gate) == {"held.held_totals"}
    assert shop.exists("shop_live.totals")  # the view at the model's own place
    assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]


def test_nothing_reads_a_table_of_another_name_while_it_is_not_populated(run_dag, variant, shop):
    shop.execute("drop schema if exists held cascade")
    project = variant({"models/stream/totals.sql": HELD})
    configs = project.configs(TestBehavior.NONE, select=["totals", "renamed", "best"])

    run = run_dag(PgStreamDbtDag(**START, refresh="never", **configs))

    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    assert states["totals_run"] == "success"
    assert states["totals_populated"] == "failed"
    assert shop.exists("held.held_totals")
    assert not shop.exists("shop.best")


ARCHIVE = {
    "dbt_packages/archive/dbt_project.yml": "{name: archive, version: '1.0.0', config-version: 2}",
    "dbt_packages/archive/models/totals.sql": """
        {{ config(materialized='stream_table', schedule='5m', initialize=false, schema='archive') }}
        select customer, sum(amount) as amount from raw.orders group by customer
    """,
    "models/marts/both.sql": """
        {{ config(materialized='table') }}
        select customer, s.amount, a.amount as again
        from {{ ref('shop', 'totals') }} s join {{ ref('archive', 'totals') }} a using (customer)
    """,
}


def test_models_of_one_name_in_two_packages_have_each_its_own_gate_on_its_own_table(run_dag, variant, shop):
    configs = variant(ARCHIVE).configs(
        TestBehavior.NONE,
        # Nor does Cosmos 1.10 select more than one model of a name.
        exclude=["kinds", "overview", "report", "renamed", "best"],
        # Cosmos' own ids hold no package, and Airflow refuses the second `totals_run`.
        normalize_task_id=lambda node: f"{node.package_name}_{node.name}_run",
    )
    dag = PgStreamDbtDag(**START, **configs)
    assert dag.stream_table_gates.keys() == {"model.shop.totals", "model.archive.totals"}
    assert dag.get_task("shop_both_run").upstream_task_ids == {
        "shop_totals_populated",
        "archive_totals_populated",
    }

    run = run_dag(dag)

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    watched = {
        name: set(run.get_task_instance(name).xcom_pull(task_ids=name))
        for name in ("shop_totals_populated", "archive_totals_populated")
    }
    assert watched == {
        "shop_totals_populated": {"shop_live.order_totals"},
        "archive_totals_populated": {"shop_archive.totals"},
    }
    assert shop.rows("select customer, amount, again from shop.both order by customer") == [
        ("ann", 30, 30),
        ("bob", 5, 5),
        ("cid", 7, 7),
    ]
