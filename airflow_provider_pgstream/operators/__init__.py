"""Operators on stream tables."""

from __future__ import annotations

from airflow_provider_pgstream.operators.alter import PgStreamAlterOperator
from airflow_provider_pgstream.operators.create import PgStreamCreateOperator
from airflow_provider_pgstream.operators.drop import PgStreamDropOperator
from airflow_provider_pgstream.operators.refresh import PgStreamRefreshOperator
from airflow_provider_pgstream.operators.source import (
    PgStreamAdvanceWatermarkOperator,
    PgStreamGateSourceOperator,
    PgStreamUngateSourceOperator,
)
from airflow_provider_pgstream.operators.verify import PgStreamVerifyOperator

__all__ = [
    "PgStreamAdvanceWatermarkOperator",
    "PgStreamAlterOperator",
    "PgStreamCreateOperator",
    "PgStreamDropOperator",
    "PgStreamGateSourceOperator",
    "PgStreamRefreshOperator",
    "PgStreamUngateSourceOperator",
    "PgStreamVerifyOperator",
]
