"""Every way there is to refresh a stream table; each is one function, and all take the same cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.triggers import PgStreamRefreshOperationTrigger
from tests.contract.dbt_ways import by_materialization, by_pgstream_refresh, by_pgstream_refresh_all
from tests.triggers.firing import fired

Way = Callable[..., Any]
"""``way(names, conn_id, hook_params, **options)`` refreshes, or raises the provider's own error."""


def by_hook(names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any) -> None:
    plan = RefreshPlan(names, **{"on_busy": "fail", **options})
    PgStreamHook(postgres_conn_id=conn_id, **hook_params).refresh_all(plan).raise_errors()


def by_operator(names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any) -> None:
    _operator(names, conn_id, hook_params, **options).execute({})  # type: ignore[typeddict-item]


def by_trigger(names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any) -> None:
    """Refresh as a deferred operator does: the trigger's event goes back to the task."""
    plan = RefreshPlan(names, **options).to_json()
    event = asyncio.run(fired(PgStreamRefreshOperationTrigger(plan, conn_id, hook_params)))
    _operator(names, conn_id, hook_params, **options).execute_complete({}, event)  # type: ignore[typeddict-item]


def by_repair(names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any) -> None:
    by_hook(names, conn_id, hook_params, **{**options, "full": True})


def by_creation(names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any) -> None:
    """Create each again, which populates it."""
    hook = PgStreamHook(postgres_conn_id=conn_id, **hook_params)
    limit = {"lock_timeout": options["lock_timeout"]} if "lock_timeout" in options else {}
    for name in names:
        query = hook.get(name).query
        hook.drop(name, cascade=False)
        hook.create(name, query, schedule=None, **limit)


def _operator(
    names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any
) -> PgStreamRefreshOperator:
    return PgStreamRefreshOperator(
        task_id="refresh",
        stream_table=names,
        postgres_conn_id=conn_id,
        hook_params=dict(hook_params),
        deferrable=False,
        **options,
    )


WAYS: dict[str, Way] = {
    "hook": by_hook,
    "operator": by_operator,
    "deferred": by_trigger,
    "repair": by_repair,
    "creation": by_creation,
    "pgstream_refresh": by_pgstream_refresh,
    "pgstream_refresh_all": by_pgstream_refresh_all,
    "materialization": by_materialization,
}
