"""The project as a DAG, in a mode and with settings that a test says in the environment."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from cosmos import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior
from cosmos.profiles import PostgresUserPasswordProfileMapping

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

settings = json.loads(os.environ["SHOP"])
project = Path(settings["project"])

dag = PgStreamDbtDag(
    dag_id="shop",
    schedule=None,
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    project_config=ProjectConfig(
        project, manifest_path=project / "target" / "manifest.json", install_dbt_deps=False
    ),
    profile_config=ProfileConfig(
        "shop",
        "dev",
        profile_mapping=PostgresUserPasswordProfileMapping(
            conn_id="pgstream_test", profile_args={"schema": "shop"}
        ),
    ),
    execution_config=ExecutionConfig(execution_mode=ExecutionMode(settings["execution_mode"])),
    render_config=RenderConfig(
        load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior(settings["test_behavior"])
    ),
    **settings["gates"],
)
