"""A report that waits until two tables are loaded up to the same moment, and the engine is well (pg_trickle).

It needs a watermark group "shop" of both tables, and the DAGs that load them to advance their watermarks, as
`example_gated_load` does.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.sensors import PgStreamEngineHealthSensor, PgStreamWatermarkSensor

with DAG("example_level_loads", schedule=None, doc_md=__doc__, tags=["pgstream"]) as dag:
    well = PgStreamEngineHealthSensor(task_id="engine_is_well", on_warning="ignore", poke_interval=5)
    level = PgStreamWatermarkSensor(task_id="loads_are_level", group="shop", poke_interval=5)
    refresh = PgStreamRefreshOperator(task_id="refresh", stream_table="public.order_totals")
    report = SQLExecuteQueryOperator(
        task_id="report",
        conn_id="postgres_default",
        sql="select customer_id, total from public.order_totals order by total desc limit 10",
    )
    [well, level] >> refresh >> report
