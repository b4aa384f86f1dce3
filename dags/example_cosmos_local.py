"""Cosmos in its LOCAL mode: one task per model, and behind each stream table the tasks that wait for it.

It needs what ``flight_delays`` needs, and at least one month that this has loaded.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from cosmos import DbtTaskGroup, ProfileConfig, ProjectConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping

from airflow_provider_pgstream.cosmos import gate_stream_tables
from airflow_provider_pgstream.dbt import package_path

with DAG("example_cosmos_local", schedule=None, doc_md=__doc__, tags=["pgstream", "dbt"]) as dag:
    models = DbtTaskGroup(
        group_id="models",
        project_config=ProjectConfig(
            Path(__file__).parent / "dbt" / "flights",
            # PgStreamDbtTaskGroup sets this by itself.
            env_vars={"PGSTREAM_DBT_PACKAGE": str(package_path())},
        ),
        profile_config=ProfileConfig(
            profile_name="flights",
            target_name="demo",
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id="flights", profile_args={"schema": "analytics"}
            ),
        ),
    )
    gate_stream_tables(models, refresh="always", sensor_args={"timeout": timedelta(minutes=10)})
