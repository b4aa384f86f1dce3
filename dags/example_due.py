"""Keep the schedules of all stream tables of a database, with one run a minute.

Each table is refreshed when its own schedule has come, a duration or a cron expression in UTC, by the
database's clock: in any database, whether the engine's scheduler serves it or not, and so that no row
is lost. One without a schedule is refreshed before a table that reads it. What is paused stays so, and
what another session refreshes is left to it. Where the engine's scheduler serves the database, switch
it off (`pg_stream.enabled = off`, then restart the server): beside it rows can be lost.

`refresh` succeeds if it refreshed anything, so that the assets of that are emitted; `demand_all` fails
if a table has failed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_pgstream.operators import PgStreamRefreshOperator

with DAG(
    "example_due",
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["pgstream"],
) as dag:
    refresh = PgStreamRefreshOperator(
        task_id="refresh",
        pattern="*",
        when="due",
        on_suspended="skip",
        on_busy="skip",
        on_locked="skip",
        on_error="report",
    )

    @task
    def demand_all(results: dict[str, dict[str, Any]]) -> None:
        """Fail if a stream table has failed, naming each."""
        failed = [str(result["reason"]) for result in results.values() if result["outcome"] == "failed"]
        if failed:
            raise RuntimeError("; ".join(failed))

    demand_all(refresh.output)
