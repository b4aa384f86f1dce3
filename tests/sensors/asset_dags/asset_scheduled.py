"""A DAG that runs on a stream table's asset and waits for the table, and the DAG that refreshes it."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Asset

from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.sensors import PgStreamFreshnessSensor, PgStreamPopulatedSensor

NAME = "public.order_totals"
CONN_ID = "pgstream_test"

with DAG("produce", schedule=None):
    PgStreamRefreshOperator(task_id="refresh", stream_table=NAME, postgres_conn_id=CONN_ID)

with DAG("consume", schedule=[Asset(os.environ["ORDER_TOTALS"])]):
    PgStreamPopulatedSensor(
        task_id="wait_deferred", stream_table=NAME, postgres_conn_id=CONN_ID, deferrable=True
    )
    PgStreamFreshnessSensor(
        task_id="wait", stream_table=NAME, postgres_conn_id=CONN_ID, max_staleness=3600, poke_interval=1
    )
