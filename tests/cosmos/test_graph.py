"""The edges of gated graphs, as Airflow has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskGroup
from cosmos import DbtDag, DbtTaskGroup, RenderConfig
from cosmos.constants import LoadMode, TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag, PgStreamDbtTaskGroup, gate_stream_tables
from tests.cosmos.graphs import edges

START = {"schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}


EDGES = {
    TestBehavior.AFTER_EACH: {
        "totals.run": {"totals.refresh"},
        "totals.refresh": {"totals.populated"},
        "totals.populated": {"totals.test"},
        "totals.test": {"overview_run", "renamed_run"},
        "kinds_run": {"kinds_refresh"},
        "kinds_refresh": {"kinds_populated"},
        "kinds_populated": {"overview_run"},
        "renamed_run": {"best.run"},
        "best.run": {"best.test"},
        "best.test": set(),
        "overview_run": {"report_run"},
        "report_run": set(),
    },
    TestBehavior.AFTER_ALL: {
        "totals_run": {"totals_refresh"},
        "totals_refresh": {"totals_populated"},
        "totals_populated": {"overview_run", "renamed_run"},
        "kinds_run": {"kinds_refresh"},
        "kinds_refresh": {"kinds_populated"},
        "kinds_populated": {"overview_run"},
        "renamed_run": {"best_run"},
        "best_run": {"shop_test"},
        "overview_run": {"report_run"},
        "report_run": {"shop_test"},
        "shop_test": set(),
    },
    TestBehavior.NONE: {
        "totals_run": {"totals_refresh"},
        "totals_refresh": {"totals_populated"},
        "totals_populated": {"overview_run", "renamed_run"},
        "kinds_run": {"kinds_refresh"},
        "kinds_refresh": {"kinds_populated"},
        "kinds_populated": {"overview_run"},
        "renamed_run": {"best_run"},
        "best_run": set(),
        "overview_run": {"report_run"},
        "report_run": set(),
    },
}


@pytest.mark.parametrize("test_behavior", EDGES, ids=str)
def test_everything_downstream_waits_for_the_gate(project, test_behavior):
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs(test_behavior))

    assert edges(dag) == EDGES[test_behavior]


@pytest.mark.parametrize("load_method", [LoadMode.DBT_LS, LoadMode.DBT_LS_FILE], ids=str)
def test_the_graph_is_the_same_however_the_project_is_loaded(project, load_method, dbt_ls_file):
    path = {"dbt_ls_path": dbt_ls_file} if load_method is LoadMode.DBT_LS_FILE else {}
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs(load_method=load_method, **path))

    assert edges(dag) == EDGES[TestBehavior.AFTER_EACH]


def test_cosmos_own_classes_are_gated_alike(project):
    dag = DbtDag(dag_id="shop", **START, **project.configs())

    gates = gate_stream_tables(dag)

    assert edges(dag) == EDGES[TestBehavior.AFTER_EACH]
    assert {uid: task.task_id for uid, task in gates.items()} == {
        "model.shop.totals": "totals.populated",
        "model.shop.kinds": "kinds_populated",
    }


def test_gating_twice_changes_nothing(project):
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs())
    before = edges(dag)

    assert gate_stream_tables(dag) == gate_stream_tables(dag)
    assert edges(dag) == before


def test_the_task_ids_of_cosmos_stay(project):
    plain = DbtDag(dag_id="shop", **START, **project.configs())
    gated = PgStreamDbtDag(dag_id="shop", **START, **project.configs())

    assert set(plain.task_ids) <= set(gated.task_ids)


def test_a_group_inside_a_group_and_a_second_one_are_gated_each_for_itself(project):
    with DAG("shop", **START) as dag:
        with TaskGroup("outer"):
            inner = PgStreamDbtTaskGroup(group_id="inner", **project.configs())
        other = DbtTaskGroup(group_id="other", **project.configs(TestBehavior.NONE))
        inner >> other

    gate_stream_tables(dag, refresh="never")

    assert dag.get_task("outer.inner.totals.run").downstream_task_ids == {"outer.inner.totals.refresh"}
    assert dag.get_task("other.totals_run").downstream_task_ids == {"other.totals_populated"}
    assert "other.totals_run" in dag.get_task("outer.inner.report_run").downstream_task_ids


def test_what_follows_a_group_waits_for_the_gates_at_its_end(project):
    with DAG("shop", **START) as dag:
        group = DbtTaskGroup(group_id="shop", **project.configs(TestBehavior.NONE, select=["totals"]))
        after = DbtTaskGroup(group_id="after", **project.configs(TestBehavior.NONE, select=["kinds"]))
        group >> after
        gate_stream_tables(group, refresh="never")

    assert dag.get_task("shop.totals_run").downstream_task_ids == {"shop.totals_populated"}
    assert dag.get_task("shop.totals_populated").downstream_task_ids == {"after.kinds_run"}


def test_a_selection_that_leaves_out_what_lies_between_keeps_the_order_of_dbt(project):
    dag = PgStreamDbtDag(
        dag_id="shop", **START, **project.configs(TestBehavior.NONE, select=["totals", "kinds", "report"])
    )

    assert dag.get_task("totals_populated").downstream_task_ids == {"report_run"}
    assert dag.get_task("kinds_populated").downstream_task_ids == {"report_run"}


def test_a_project_without_stream_tables_is_left_as_it_is(project):
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs(select=["overview", "report"]))

    assert edges(dag) == {"overview_run": {"report_run"}, "report_run": set()}


@pytest.mark.skipif(
    "group_nodes_by_folder" not in RenderConfig.__dataclass_fields__,
    reason="this Cosmos makes no groups of folders",
)
def test_folders_as_groups_hold_their_gates(project):
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs(group_nodes_by_folder=True))

    assert dag.get_task("models.stream.totals.populated").downstream_task_ids == {"models.stream.totals.test"}
    assert dag.get_task("models.stream.kinds_populated").downstream_task_ids == {"models.marts.overview_run"}


@pytest.mark.parametrize(
    ("refresh", "expected"),
    [
        ("auto", {"model.shop.totals": "unpopulated", "model.shop.kinds": "always"}),
        ("always", {"model.shop.totals": "always", "model.shop.kinds": "always"}),
        ("never", {}),
    ],
)
def test_refresh_tells_which_stream_tables_are_refreshed_and_when(project, refresh, expected):
    dag = PgStreamDbtDag(dag_id="shop", **START, refresh=refresh, **project.configs())

    refreshes = [task for task in dag.tasks if task.task_id.endswith("refresh")]
    assert {task.model: task.when for task in refreshes} == expected


def test_a_gate_gives_up_after_an_hour_unless_told_otherwise(project):
    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs())
    patient = PgStreamDbtDag(dag_id="patient", **START, sensor_args={"timeout": 7200}, **project.configs())

    assert dag.get_task("kinds_populated").timeout == 3600
    assert patient.get_task("kinds_populated").timeout == 7200


def test_airflow_can_serialize_a_gated_dag(project):
    from airflow.serialization import serialized_objects

    dag = PgStreamDbtDag(dag_id="shop", **START, **project.configs())
    serialization = getattr(serialized_objects, "DagSerialization", serialized_objects.SerializedDAG)

    assert "totals.populated" in str(serialization.to_dict(dag))
