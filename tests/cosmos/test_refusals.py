"""What could not hold downstream models up is refused while the DAG is parsed, with the way out."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import cosmos
import pytest
from airflow.providers.common.compat.sdk import DAG
from cosmos import DbtDag, ExecutionConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from airflow_provider_pgstream.cosmos import PgStreamDbtDag, gate_stream_tables

START = {"dag_id": "shop", "schedule": None, "start_date": datetime(2025, 1, 1, tzinfo=UTC)}
INSIDE_DBT = {"test_behavior": TestBehavior.BUILD}
watcher = pytest.mark.skipif(
    not hasattr(ExecutionMode, "WATCHER"), reason="this Cosmos has no ExecutionMode.WATCHER yet"
)


def in_watcher_mode(**more):
    """Return the execution of Cosmos' WATCHER mode."""
    return ExecutionConfig(execution_mode=ExecutionMode.WATCHER, **more)


@pytest.fixture
def manifest(project, tmp_path):
    """The project with a manifest that a test may change; what it does is written when the DAG is made."""
    copy = shutil.copytree(project.path, tmp_path / "shop")
    return json.loads((copy / "target" / "manifest.json").read_text())


def configs_of(project, manifest, tmp_path, **more):
    """Return Cosmos' arguments for a changed manifest."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    configs = project.configs(**more)
    configs["project_config"] = cosmos.ProjectConfig(project.path, manifest_path=path, install_dbt_deps=False)
    return configs


def test_gates_that_would_come_after_a_models_tests_are_refused_naming_the_classes(project):
    dag = DbtDag(**START, **project.configs(TestBehavior.BUILD))

    with pytest.raises(
        ValueError, match=r"TestBehavior.BUILD runs a model's tests together with the model"
    ) as no:
        gate_stream_tables(dag)

    assert "use PgStreamDbtDag or PgStreamDbtTaskGroup" in str(no.value)


@watcher
def test_gates_that_would_come_after_all_models_are_refused_naming_the_classes(project):
    dag = DbtDag(**START, **project.configs(execution=in_watcher_mode()))

    with pytest.raises(ValueError, match=r"ExecutionMode.WATCHER runs the whole project in one task") as no:
        gate_stream_tables(dag)

    assert "use PgStreamDbtDag or PgStreamDbtTaskGroup" in str(no.value)


@watcher
def test_a_refresh_of_all_as_of_one_moment_is_refused_where_dbt_has_one_session(project):
    configs = project.configs(execution=in_watcher_mode())

    with pytest.raises(ValueError, match="consistent=True needs a session for each"):
        PgStreamDbtDag(**START, consistent=True, **configs)


def test_a_mode_without_operators_for_postgres_is_refused(project):
    execution = ExecutionConfig(
        execution_mode=ExecutionMode.AIRFLOW_ASYNC, async_py_requirements=["dbt-postgres"]
    )

    with pytest.raises(
        ValueError, match=r"AIRFLOW_ASYNC has no operators for PostgreSQL: use ExecutionMode.LOCAL"
    ):
        PgStreamDbtDag(**START, **project.configs(execution=execution))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"wait_for": "fresh"}, 'wait_for="fresh"'),
        ({"sensor_args": {"on_unattended": "wait"}}, "on_unattended"),
        ({"refresh_args": {"lock_timeout": 1}}, "lock_timeout"),
    ],
)
def test_what_only_airflow_tasks_can_do_is_refused_where_dbt_waits(project, settings, what):
    with pytest.raises(ValueError, match=f"{what} needs Airflow tasks between a model and what follows it"):
        PgStreamDbtDag(**START, **settings, **project.configs(**INSIDE_DBT))


def test_a_model_may_set_nothing_but_refresh_where_dbt_waits(project, manifest, tmp_path):
    manifest["nodes"]["model.shop.totals"]["config"]["meta"] = {"pgstream": {"wait_for": "fresh"}}

    with pytest.raises(ValueError, match=r"meta.pgstream of model.shop.totals may hold nothing but refresh"):
        PgStreamDbtDag(**START, **configs_of(project, manifest, tmp_path, **INSIDE_DBT))


def test_a_variable_that_the_arguments_stand_for_is_refused(project):
    configs = project.configs(**INSIDE_DBT)
    configs["project_config"].dbt_vars = {"pgstream_refresh": "never"}

    with pytest.raises(ValueError, match="pgstream_refresh is set by refresh="):
        PgStreamDbtDag(**START, **configs)


@watcher
def test_the_variables_reach_the_producer_and_the_retries_and_leave_the_users_own(project):
    configs = project.configs(execution=in_watcher_mode(setup_operator_args={"vars": {"mine": 1}}))
    configs["operator_args"] = {"vars": {"mine": 2}}

    dag = PgStreamDbtDag(**START, refresh="always", sensor_args={"timeout": 60}, **configs)

    expected = {"pgstream_refresh": "always", "pgstream_wait_for_populated": 60.0}
    assert dag.get_task("dbt_producer_watcher").vars == {"mine": 1, **expected}
    assert dag.get_task("totals.run").vars == {"mine": 2, **expected}
    assert configs["operator_args"] == {"vars": {"mine": 2}}


def test_a_project_without_the_package_is_refused_where_dbt_waits(project, manifest, tmp_path):
    manifest["macros"] = {
        uid: macro for uid, macro in manifest["macros"].items() if macro["package_name"] != "pgstream"
    }

    with pytest.raises(ValueError, match="no package `pgstream` that could be found") as refused:
        PgStreamDbtDag(**START, **configs_of(project, manifest, tmp_path, **INSIDE_DBT))

    assert "env_var('PGSTREAM_DBT_PACKAGE')" in str(refused.value)


def test_a_package_that_does_not_know_the_variables_is_refused_where_dbt_waits(project, manifest, tmp_path):
    for macro in manifest["macros"].values():
        macro["macro_sql"] = macro["macro_sql"].replace("pgstream_wait_for_populated", "")

    with pytest.raises(ValueError, match="too old: it does not know pgstream_wait_for_populated"):
        PgStreamDbtDag(**START, **configs_of(project, manifest, tmp_path, **INSIDE_DBT))


def test_an_installed_package_that_is_too_old_is_refused_without_a_manifest(project, tmp_path):
    copy = shutil.copytree(project.path, tmp_path / "shop")
    for file in (copy / "dbt_packages" / "pgstream" / "macros").rglob("*.sql"):
        file.write_text(file.read_text().replace("pgstream_wait_for_populated", "pgstream_something"))
    configs = project.configs(load_method=LoadMode.DBT_LS, **INSIDE_DBT)
    configs["project_config"] = cosmos.ProjectConfig(copy, install_dbt_deps=False)

    with pytest.raises(ValueError, match="too old: it does not know pgstream_wait_for_populated"):
        PgStreamDbtDag(**START, **configs)


def test_a_profile_that_is_no_airflow_connection_demands_one(project):
    configs = project.configs()
    profiles = project.path / "elsewhere.yml"
    profiles.write_text("shop: {target: dev, outputs: {dev: {type: postgres}}}")
    configs["profile_config"] = cosmos.ProfileConfig("shop", "dev", profiles_yml_filepath=profiles)
    dag = DbtDag(**START, **configs)

    with pytest.raises(ValueError, match="does not come from an Airflow connection: set postgres_conn_id"):
        gate_stream_tables(dag)


def test_a_connection_that_is_named_goes_before_the_profile(project):
    dag = PgStreamDbtDag(**START, postgres_conn_id="mine", **project.configs())

    assert dag.get_task("totals.populated").postgres_conn_id == "mine"
    assert dag.get_task("totals.refresh").postgres_conn_id == "mine"


def test_a_database_that_the_profile_names_is_the_gates_too(project):
    configs = project.configs()
    configs["profile_config"].profile_mapping.profile_args["dbname"] = "warehouse"
    dag = PgStreamDbtDag(**START, **configs)

    assert dag.get_task("totals.populated").hook_params == {"database": "warehouse"}


@pytest.mark.parametrize(
    ("own", "complaint"),
    [
        ({"refesh": "always"}, "meta.pgstream of model.shop.totals: unknown refesh; it may hold"),
        (
            {"refresh": "sometimes"},
            "meta.pgstream of model.shop.totals: refresh='sometimes' is not known: give one of auto",
        ),
        ("always", "meta.pgstream of model.shop.totals: 'always' is not a mapping"),
    ],
)
def test_a_models_own_settings_are_checked(project, manifest, tmp_path, own, complaint):
    manifest["nodes"]["model.shop.totals"]["config"]["meta"] = {"pgstream": own}

    with pytest.raises(ValueError, match=complaint):
        PgStreamDbtDag(**START, **configs_of(project, manifest, tmp_path))


def test_a_models_own_settings_go_before_those_of_the_group(project, manifest, tmp_path):
    manifest["nodes"]["model.shop.totals"]["config"]["meta"] = {
        "pgstream": {
            "refresh": "never",
            "wait_for": "fresh",
            "stream_table": "a.b",
            "sensor_args": {"timeout": 5},
        }
    }

    dag = PgStreamDbtDag(**START, refresh="always", **configs_of(project, manifest, tmp_path))

    assert dag.get_task("totals.run").downstream_task_ids == {"totals.fresh"}
    assert dag.get_task("totals.fresh").stream_table == "a.b"
    assert dag.get_task("totals.fresh").timeout == 5
    assert dag.get_task("kinds_refresh").when == "always"


def test_an_unknown_word_is_refused(project):
    with pytest.raises(ValueError, match="wait_for='full' is not known: give one of populated, fresh"):
        PgStreamDbtDag(**START, wait_for="full", **project.configs())


def test_a_dag_without_cosmos_is_refused():
    with pytest.raises(ValueError, match="plain holds no DbtDag or DbtTaskGroup"):
        gate_stream_tables(DAG("plain", schedule=None))


@pytest.mark.parametrize(("mode", "provider"), [("docker", "docker"), ("kubernetes", "cncf.kubernetes")])
def test_where_dbt_runs_in_a_container_the_relation_is_the_manifests(project, tmp_path, mode, provider):
    pytest.importorskip(f"airflow.providers.{provider}", reason=f"Cosmos needs Airflow's {provider} provider")
    profiles = tmp_path / "profiles.yml"
    profiles.write_text("shop: {target: dev, outputs: {dev: {type: postgres}}}")
    configs = project.configs(
        execution=ExecutionConfig(execution_mode=ExecutionMode(mode), dbt_project_path="/dbt")
    )
    configs["project_config"] = cosmos.ProjectConfig(
        manifest_path=project.path / "target" / "manifest.json", project_name="shop"
    )
    configs["profile_config"] = cosmos.ProfileConfig("shop", "dev", profiles_yml_filepath=profiles)
    configs["operator_args"] = {"image": "shop:1"}

    dag = PgStreamDbtDag(**START, postgres_conn_id="shop", **configs)

    assert mode in type(dag.get_task("totals.run")).__module__
    assert dag.get_task("totals.populated").stream_table == "shop_live.order_totals"
    assert dag.get_task("totals.run").downstream_task_ids == {"totals.refresh"}
    assert dag.get_task("totals.populated").downstream_task_ids == {"totals.test"}
