"""DAGs whose tasks wait in the triggerer, for the tests that run a real one."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor
from airflow_provider_pgstream.triggers import PgStreamRefreshTrigger

CONN_ID = "pgstream_test"

with DAG("refresh"):
    PgStreamRefreshOperator(
        task_id="refresh", stream_table="public.slow", postgres_conn_id=CONN_ID, deferrable=True
    )

with DAG("hasty_refresh"):
    PgStreamRefreshOperator(
        task_id="refresh",
        stream_table="public.slow",
        postgres_conn_id=CONN_ID,
        deferrable=True,
        execution_timeout=timedelta(seconds=3),
    )

with DAG("wait"):
    PgStreamPopulatedSensor(
        task_id="wait",
        stream_table=["public.order_totals", "public.slow"],
        postgres_conn_id=CONN_ID,
        deferrable=True,
        on_unattended="wait",
        poke_interval=1,
    )

with DAG("impatient"):
    for task_id, soft_fail in (("fails", False), ("skips", True)):
        PgStreamPopulatedSensor(
            task_id=task_id,
            stream_table="public.order_totals",
            postgres_conn_id=CONN_ID,
            deferrable=True,
            on_unattended="wait",
            soft_fail=soft_fail,
            poke_interval=1,
            timeout=2,
        )

order_totals = Asset(
    "order_totals",
    watchers=[
        AssetWatcher(
            name="order_totals",
            trigger=PgStreamRefreshTrigger("public.order_totals", CONN_ID, poll_interval=1),
        )
    ],
)

with DAG("watch", schedule=[order_totals]):

    @task
    def seen(triggering_asset_events: dict[Asset, list[object]] | None = None) -> int:
        """Count the events."""
        return sum(len(events) for events in (triggering_asset_events or {}).values())

    seen()
