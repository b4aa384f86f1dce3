"""Load rows, then bring the stream tables that read them up to date, each after those that it reads.

It needs `create table public.orders (id int primary key, customer_id int, amount numeric)`. The
stream tables have no schedule: nothing but this DAG refreshes them, as on every database that the
engine's scheduler does not serve.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_pgstream.operators import PgStreamCreateOperator, PgStreamRefreshOperator

LOAD = """
insert into public.orders
select coalesce(max(id), 0) + 1, 1 + coalesce(max(id), 0) % 3, 10 from public.orders
"""

with DAG("example_refresh_after_load", schedule=None, doc_md=__doc__, tags=["pgstream"]) as dag:
    totals = PgStreamCreateOperator(
        task_id="create_totals",
        stream_table="public.order_totals",
        query="select customer_id, sum(amount) as total from public.orders group by customer_id",
        schedule=None,
        if_exists="skip",
    )
    best = PgStreamCreateOperator(
        task_id="create_best",
        stream_table="public.best_customers",
        query="select customer_id from public.order_totals where total >= 20",
        schedule=None,
        if_exists="skip",
    )
    load = SQLExecuteQueryOperator(task_id="load", conn_id="postgres_default", sql=LOAD)
    refresh = PgStreamRefreshOperator(
        task_id="refresh", stream_table="public.best_customers", include_upstream=True
    )
    totals >> best >> load >> refresh
