"""What Airflow's provider manager learns about this package."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the form of Airflow's provider-info schema."""
    return {
        "package-name": "airflow-provider-pgstream",
        "name": "pg_stream",
        "description": "Stream tables of the PostgreSQL extension pg_stream.",
        "versions": ["0.1.0"],
    }
