"""Apache Airflow provider for stream tables of the PostgreSQL extension ``pg_stream``."""

from __future__ import annotations

__version__ = "0.1.0"
