"""Each mode, test behaviour and load mode that runs where the tests run; ``test_watcher`` has the rest."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cosmos import ExecutionConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

pytestmark = pytest.mark.full
START = {"dag_id": "shop", "schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
BRANCH = ["totals", "renamed", "best"]


@pytest.mark.parametrize("test_behavior", list(TestBehavior), ids=str)
@pytest.mark.parametrize(
    "load_method", [LoadMode.DBT_MANIFEST, LoadMode.DBT_LS, LoadMode.DBT_LS_FILE], ids=str
)
def test_downstream_of_a_table_that_is_populated_late_has_the_right_rows(
    run_dag, project, shop, dbt_ls_file, load_method, test_behavior
):
    path = {"dbt_ls_path": dbt_ls_file} if load_method is LoadMode.DBT_LS_FILE else {}
    selected = {} if path else {"select": BRANCH}

    run = run_dag(PgStreamDbtDag(**START, **project.configs(test_behavior, load_method, **path, **selected)))

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]


@pytest.fixture
def cosmos_pipes() -> Iterator[None]:
    """Cosmos leaves the output of its subprocesses open: its affair here, but a failure when pytest ends."""
    yield
    gc.collect()


@pytest.mark.usefixtures("cosmos_pipes")
@pytest.mark.parametrize("test_behavior", list(TestBehavior), ids=str)
def test_the_gates_hold_where_dbt_has_an_environment_of_its_own(
    run_dag, project, shop, tmp_path_factory, test_behavior
):
    home = tmp_path_factory.getbasetemp() / "virtualenv"
    configs = project.configs(
        test_behavior,
        execution=ExecutionConfig(execution_mode=ExecutionMode.VIRTUALENV, virtualenv_dir=home),
        select=BRANCH,
    )
    configs["operator_args"] = {"py_requirements": ["dbt-core==1.11.*", "dbt-postgres==1.11.*"]}

    run = run_dag(PgStreamDbtDag(**START, **configs))

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    assert shop.best() == shop.best_of_the_orders() == [("ann", 30), ("cid", 7)]
