"""Pause a stream table while its source is worked on, and bring it up to date afterwards, whatever happened.

It needs the stream table `public.order_totals`, as `example_refresh_after_load` makes it. Pausing
is a setup and resuming a teardown: the table is resumed and refreshed even if the maintenance
fails, and the run then still fails.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_pgstream.operators import PgStreamAlterOperator, PgStreamRefreshOperator

with DAG(
    "example_maintenance_window",
    schedule=None,
    params={"maintenance": "update public.orders set amount = round(amount, 2)"},
    doc_md=__doc__,
    tags=["pgstream"],
) as dag:
    pause = PgStreamAlterOperator(
        task_id="pause", stream_table="public.order_totals", status="PAUSED"
    ).as_setup()
    maintain = SQLExecuteQueryOperator(
        task_id="maintain", conn_id="postgres_default", sql="{{ params.maintenance }}"
    )
    # One task resumes and refreshes, so that nobody finds the table resumed and not yet refreshed.
    resume = PgStreamRefreshOperator(
        task_id="resume_and_refresh", stream_table="public.order_totals", on_suspended="resume"
    ).as_teardown(setups=pause)
    pause >> maintain >> resume
