"""What makes a Cosmos DAG wait until its stream tables can be read."""

from __future__ import annotations

import airflow  # noqa: F401 - before Cosmos: Airflow loads a plugin of it, which finds it half imported otherwise

try:
    import cosmos  # noqa: F401
except ImportError as error:
    raise ImportError(
        "airflow_provider_pgstream.cosmos needs astronomer-cosmos: "
        "pip install 'airflow-provider-pgstream[cosmos]'"
    ) from error

from airflow_provider_pgstream.cosmos._classes import PgStreamDbtDag, PgStreamDbtTaskGroup
from airflow_provider_pgstream.cosmos._gates import gate_stream_tables

__all__ = ["gate_stream_tables", "PgStreamDbtDag", "PgStreamDbtTaskGroup"]
