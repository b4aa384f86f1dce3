"""A load during which the engine's scheduler refreshes nothing that reads its table (pg_trickle).

Closing the gate is a setup and opening it a teardown: it is opened again even if the load fails.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_pgstream.operators import (
    PgStreamAdvanceWatermarkOperator,
    PgStreamGateSourceOperator,
    PgStreamUngateSourceOperator,
)

with DAG(
    "example_gated_load",
    schedule=None,
    params={"load": "update public.orders set amount = amount + 1"},
    doc_md=__doc__,
    tags=["pgstream"],
) as dag:
    gate = PgStreamGateSourceOperator(task_id="gate", source="public.orders").as_setup()
    load = SQLExecuteQueryOperator(task_id="load", conn_id="postgres_default", sql="{{ params.load }}")
    ungate = PgStreamUngateSourceOperator(task_id="ungate", source="public.orders").as_teardown(setups=gate)
    advance = PgStreamAdvanceWatermarkOperator(
        task_id="advance", source="public.orders", watermark="{{ ts }}"
    )
    gate >> load >> [ungate, advance]
