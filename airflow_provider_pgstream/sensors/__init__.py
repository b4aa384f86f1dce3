"""Sensors for stream tables."""

from __future__ import annotations

from airflow_provider_pgstream.sensors.cdc_health import PgStreamCdcHealthSensor
from airflow_provider_pgstream.sensors.engine_health import PgStreamEngineHealthSensor
from airflow_provider_pgstream.sensors.freshness import PgStreamFreshnessSensor
from airflow_provider_pgstream.sensors.populated import PgStreamPopulatedSensor
from airflow_provider_pgstream.sensors.status import PgStreamStatusSensor
from airflow_provider_pgstream.sensors.watermarks import PgStreamWatermarkSensor

__all__ = [
    "PgStreamCdcHealthSensor",
    "PgStreamEngineHealthSensor",
    "PgStreamFreshnessSensor",
    "PgStreamPopulatedSensor",
    "PgStreamStatusSensor",
    "PgStreamWatermarkSensor",
]
