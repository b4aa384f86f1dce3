"""Wait until stream tables hold this run's data, then report from them.

It needs the stream table `public.order_totals`, as `example_refresh_after_load` makes it. Whoever
refreshes it, the engine's scheduler or another DAG: the report reads nothing older than the
beginning of this run. The sensors wait in the triggerer, where all of them share one connection.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_pgstream.sensors import PgStreamCdcHealthSensor, PgStreamFreshnessSensor

with DAG(
    "example_wait_then_report",
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
    tags=["pgstream"],
) as dag:
    sound = PgStreamCdcHealthSensor(task_id="capture_is_sound", stream_table="public.order_totals")
    fresh = PgStreamFreshnessSensor(
        task_id="totals_are_fresh",
        stream_table="public.order_totals",
        fresh_as_of="{{ dag_run.start_date }}",
        error_staleness=timedelta(days=1),
        deferrable=True,
        timeout=timedelta(minutes=30),
    )
    report = SQLExecuteQueryOperator(
        task_id="report",
        conn_id="postgres_default",
        sql="select customer_id, total from public.order_totals order by total desc limit 10",
    )
    sound >> fresh >> report
