"""`consistent=True`: the stream tables of a whole group as of one moment, before anything else reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator
from cosmos.constants import TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag, PgStreamDbtTaskGroup
from tests.cosmos.graphs import asset_events, edges

START = {"schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
TOGETHER = "refresh_consistent"
RICH = "{{ config(initialize=false) }} select customer, amount from {{ ref('totals') }} where amount > 9"


def rendered(project: Any, **settings: Any) -> dict[str, set[str]]:
    configs = project.configs(settings.pop("test_behavior", TestBehavior.AFTER_EACH))
    return edges(PgStreamDbtDag(dag_id="shop", **START, consistent=True, **settings, **configs))


def test_what_reads_stream_tables_waits_for_the_refresh_of_all(project):
    assert rendered(project) == {
        "totals.run": {"totals.refresh"},
        "totals.refresh": {"totals.populated"},
        "totals.populated": {TOGETHER},
        "kinds_run": {"kinds_refresh"},
        "kinds_refresh": {"kinds_populated"},
        "kinds_populated": {TOGETHER},
        TOGETHER: {"totals.test", "overview_run"},
        "totals.test": {"overview_run", "renamed_run"},
        "renamed_run": {"best.run"},
        "best.run": {"best.test"},
        "best.test": set(),
        "overview_run": {"report_run"},
        "report_run": set(),
    }


def test_what_a_stream_table_needs_stays_before_the_refresh_of_all(variant):
    graph = rendered(variant({"models/stream/rich.sql": RICH}))

    assert graph["totals.populated"] == {"totals.test", TOGETHER}
    assert graph["totals.test"] == {"rich_run", "overview_run", "renamed_run"}
    assert graph["rich_run"] == {"rich_refresh"}
    assert graph["rich_populated"] == {TOGETHER}
    assert graph[TOGETHER] == {"overview_run", "renamed_run"}


def test_a_group_keeps_its_prefix_and_what_follows_it_waits(project):
    with DAG("shop", **START) as dag:
        settings = {"select": ["kinds"]}
        group = PgStreamDbtTaskGroup(
            group_id="models", consistent=True, **project.configs(TestBehavior.NONE, **settings)
        )
        group >> BaseOperator(task_id="after")

    assert edges(dag)[f"models.{TOGETHER}"] == {"after"}


@pytest.mark.airflow3
def test_all_are_refreshed_as_of_one_moment_and_emit_their_assets(run_dag, variant, shop):
    project = variant({"models/stream/rich.sql": RICH})

    def run() -> Any:
        configs = project.configs(TestBehavior.AFTER_EACH)
        return run_dag(PgStreamDbtDag(dag_id="shop", **START, consistent=True, **configs))

    run()
    shop.order("dan", "toy", 50)
    tasks = {ti.task_id: ti for ti in run().get_task_instances()}

    assert {str(ti.state) for ti in tasks.values()} == {"success"}
    done = tasks[TOGETHER].xcom_pull(task_ids=TOGETHER)
    assert {name: result["outcome"] for name, result in done.items()} == {
        "shop_live.order_totals": "refreshed",
        "shop_live.kinds": "refreshed",
        "shop_live.rich": "refreshed",
    }
    emitted = asset_events(tasks[TOGETHER].run_id)
    for path in ("shop_live/order_totals", "shop_live/kinds", "shop_live/rich"):
        assert emitted[path] == {TOGETHER}
    assert shop.best() == shop.best_of_the_orders() == [("dan", 50), ("ann", 30)]
    assert shop.rows("select customer, amount from shop_live.rich order by amount") == [
        ("ann", 30),
        ("dan", 50),
    ]


def test_a_model_with_refresh_never_is_left_out(variant):
    kinds = (
        "{{ config(schedule=none, meta={'pgstream': {'refresh': 'never'}}) }} "
        "select kind, count(*) as orders from {{ source('raw', 'orders') }} group by kind"
    )
    graph = rendered(variant({"models/stream/kinds.sql": kinds}))

    assert graph["kinds_populated"] == {"overview_run"}
    assert TOGETHER in graph["totals.populated"]


def test_a_table_between_two_stream_tables_is_refused(variant):
    rich = RICH.replace("'totals'", "'best'")

    with pytest.raises(
        ValueError, match=r"model\.shop\.best reads a stream table, and another .*Make it a view"
    ):
        rendered(variant({"models/stream/rich.sql": rich}))


@pytest.mark.parametrize("settings", [{"refresh": "always"}, {"wait_for": "fresh"}], ids=str)
def test_what_contradicts_it_is_refused(project, settings):
    with pytest.raises(ValueError, match="consistent=True refreshes all of them itself: leave out"):
        rendered(project, **settings)


def test_dbt_with_its_one_session_cannot(project):
    with pytest.raises(ValueError, match=r"consistent=True needs a session for each.*ExecutionMode\.LOCAL"):
        rendered(project, test_behavior=TestBehavior.BUILD)
