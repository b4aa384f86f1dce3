"""Operators on stream tables."""

from __future__ import annotations

from airflow_provider_pgstream.operators.drop import PgStreamDropOperator
from airflow_provider_pgstream.operators.refresh import PgStreamRefreshOperator
from airflow_provider_pgstream.operators.verify import PgStreamVerifyOperator

__all__ = [
    "PgStreamDropOperator",
    "PgStreamRefreshOperator",
    "PgStreamVerifyOperator",
]
