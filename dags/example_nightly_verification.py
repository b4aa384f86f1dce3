"""Compare stream tables with what their queries return, every night, and repair those that differ.

It needs the stream table `public.order_totals`, as `example_refresh_after_load` makes it. The
comparison is one snapshot that is rolled back: no lag is taken for a difference, and no writer is
kept waiting. Tables that the engine's own scheduler refreshes under concurrent writers can lose
rows; this finds and mends it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pgstream.operators import PgStreamVerifyOperator

with DAG(
    "example_nightly_verification",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    doc_md=__doc__,
    tags=["pgstream"],
) as dag:
    PgStreamVerifyOperator(
        task_id="verify_and_repair", stream_table=["public.order_totals"], on_difference="repair"
    )
