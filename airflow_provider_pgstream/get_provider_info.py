"""What Airflow's provider manager learns about this package."""

from __future__ import annotations

from typing import Any

__all__ = [
    "get_provider_info",
]

_PACKAGE = "airflow_provider_pgstream"
_INTEGRATION = "pg_stream"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the form of Airflow's provider-info schema."""
    return {
        "package-name": "airflow-provider-pgstream",
        "name": _INTEGRATION,
        "description": "Stream tables of the PostgreSQL extension pg_stream.",
        "versions": ["0.1.0"],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://github.com/grove/pg-stream",
                "tags": ["software"],
            }
        ],
        "hooks": _modules("hooks.pgstream"),
        "operators": _modules(
            "operators.alter",
            "operators.create",
            "operators.drop",
            "operators.refresh",
            "operators.source",
            "operators.verify",
        ),
        "sensors": _modules(
            "sensors.cdc_health",
            "sensors.engine_health",
            "sensors.freshness",
            "sensors.populated",
            "sensors.status",
            "sensors.watermarks",
        ),
        "triggers": _modules(
            "triggers.capture",
            "triggers.engine_checks",
            "triggers.refresh",
            "triggers.stream_table",
            "triggers.verify",
            "triggers.watcher",
        ),
        "connection-types": [
            {
                "connection-type": "pgstream",
                "hook-class-name": f"{_PACKAGE}.hooks.pgstream.PgStreamHook",
                "hook-name": "pg_stream",
                "ui-field-behaviour": {
                    "hidden-fields": [],
                    "relabeling": {"schema": "Database"},
                    "placeholders": {"host": "db1.example.com", "port": "5432", "schema": "airflow"},
                },
                "conn-fields": {
                    "sslmode": {
                        "label": "SSL mode",
                        "description": "libpq's sslmode: disable, prefer, require, verify-ca or verify-full.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "engine": {
                        "label": "Engine",
                        "description": "pg_trickle or pg_stream, where the database has both extensions.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "connect_timeout": {
                        "label": "Connect timeout",
                        "description": "Seconds to wait for the server; 10 if empty.",
                        "schema": {"type": ["integer", "null"]},
                    },
                },
            }
        ],
    }


def _modules(*modules: str) -> list[dict[str, Any]]:
    return [
        {
            "integration-name": _INTEGRATION,
            "python-modules": [f"{_PACKAGE}.{module}" for module in modules],
        }
    ]
