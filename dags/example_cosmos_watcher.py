"""Cosmos in its WATCHER mode: one ``dbt build`` for all models, in which dbt itself refreshes and waits.

It needs what ``flight_delays`` needs, and at least one month that this has loaded.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cosmos import ExecutionConfig, ProfileConfig, ProjectConfig
from cosmos.constants import ExecutionMode
from cosmos.profiles import PostgresUserPasswordProfileMapping

from airflow_provider_pgstream.cosmos import PgStreamDbtDag

dag = PgStreamDbtDag(
    dag_id="example_cosmos_watcher",
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
    tags=["pgstream", "dbt"],
    project_config=ProjectConfig(Path(__file__).parent / "dbt" / "flights"),
    profile_config=ProfileConfig(
        profile_name="flights",
        target_name="demo",
        profile_mapping=PostgresUserPasswordProfileMapping(
            conn_id="flights", profile_args={"schema": "analytics"}
        ),
    ),
    execution_config=ExecutionConfig(execution_mode=ExecutionMode.WATCHER),
    refresh="always",
    sensor_args={"timeout": timedelta(minutes=10)},
)
