"""Run when the database has refreshed a stream table, whoever did it: needs Airflow 3.

It needs the stream table `public.order_totals`, as `example_refresh_after_load` makes it. The
watcher listens to the engine's scheduler, and looks for refreshes by hand every ten seconds; all
watchers of a database share one connection of the triggerer. Refreshes that found nothing to do
start nothing.
"""

from __future__ import annotations

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_pgstream.triggers import PgStreamRefreshTrigger

order_totals = Asset(
    "pgstream_example_order_totals",
    watchers=[
        AssetWatcher(
            name="order_totals_refreshed",
            trigger=PgStreamRefreshTrigger("public.order_totals", "postgres_default"),
        )
    ],
)

with DAG("example_database_driven", schedule=[order_totals], doc_md=__doc__, tags=["pgstream"]) as dag:
    SQLExecuteQueryOperator(
        task_id="report",
        conn_id="postgres_default",
        sql="select customer_id, total from public.order_totals order by total desc limit 10",
    )
