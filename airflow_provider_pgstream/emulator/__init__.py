"""pg_stream's SQL interface, or pg_trickle's, on plain PostgreSQL 18, for trying and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pgstream.emulator._errors import EmulatorError
    from airflow_provider_pgstream.emulator._server import PgStreamServer

__all__ = ["EmulatorError", "PgStreamServer"]


def __getattr__(name: str) -> Any:
    # Lazily, because pytest imports this package at every start, in projects that never use the fixtures too.
    if name == "PgStreamServer":
        from airflow_provider_pgstream.emulator._server import PgStreamServer

        return PgStreamServer
    if name == "EmulatorError":
        from airflow_provider_pgstream.emulator._errors import EmulatorError

        return EmulatorError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
