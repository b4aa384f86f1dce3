"""The asset that stands for a stream table, and the events that a task emits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.assets import Asset
from airflow.providers.common.compat.sdk import AssetAlias
from airflow.providers.postgres.assets.postgres import create_asset

from airflow_provider_pgstream._engines.connections import DEFAULT_PORT, Place

__all__ = [
    "alias_of",
    "asset_of",
    "emit",
]


def asset_of(name: str, place: Place) -> Asset:
    """
    Return the asset ``postgres://host:port/database/schema/table``, as Cosmos and OpenLineage name it, too.

    :param name: ``schema.table``.
    """
    schema, table = name.split(".", 1)
    return create_asset(
        host=place.host or "localhost",
        port=int(place.port or DEFAULT_PORT),
        database=place.database_name,
        schema=schema,
        table=table,
    )


def alias_of(task_id: str) -> AssetAlias:
    """
    Return the outlet through which a task emits assets whose names are known only when it runs.

    :param task_id: with its groups, so that it is unique in its DAG.
    """
    return AssetAlias(name=f"pgstream:{task_id}")


def emit(context: Any, alias: AssetAlias, place: Place, results: Mapping[str, Mapping[str, Any]]) -> None:
    """
    Emit an event for each stream table, with its result as extra.

    :param context: the task's context; without outlet events, as in a bare ``execute``, nothing is emitted.
    :param results: ``schema.table`` → result, as JSON can hold it.
    """
    events = context.get("outlet_events") if context else None
    if events is None:
        return
    for name, result in results.items():
        events[alias].add(asset_of(name, place), extra=dict(result))
