"""The async side of the provider: deferred sensors and operators, and the source of asset events."""

from __future__ import annotations

from airflow_provider_pgstream.triggers.capture import CaptureTrigger
from airflow_provider_pgstream.triggers.engine_checks import EngineCheckTrigger
from airflow_provider_pgstream.triggers.refresh import PgStreamRefreshOperationTrigger
from airflow_provider_pgstream.triggers.stream_table import StreamTableTrigger
from airflow_provider_pgstream.triggers.verify import PgStreamVerifyOperationTrigger
from airflow_provider_pgstream.triggers.watcher import PgStreamRefreshTrigger

__all__ = [
    "CaptureTrigger",
    "EngineCheckTrigger",
    "PgStreamRefreshOperationTrigger",
    "PgStreamRefreshTrigger",
    "PgStreamVerifyOperationTrigger",
    "StreamTableTrigger",
]
