"""Which Airflow connection a gate uses: the one that Cosmos makes dbt's profile of."""

from __future__ import annotations

from typing import Any

ELSEWHERE = ("host", "port")
"""Profile arguments that lead away from the connection's own server."""


def connection_of(run: Any, postgres_conn_id: str | None, unique_id: str) -> dict[str, Any]:
    """
    Return the operator arguments that lead to the database in which a run task works.

    :param run: the run task.
    :param postgres_conn_id: the connection that the user has named, if any.
    :param unique_id: the model's id, for messages.
    :raises ValueError: if no connection was named and the profile does not tell.
    """
    if postgres_conn_id:
        return {"postgres_conn_id": postgres_conn_id}
    mapping = getattr(getattr(run, "profile_config", None), "profile_mapping", None)
    conn_id = getattr(mapping, "conn_id", None)
    profile_args = getattr(mapping, "profile_args", None) or {}
    strayed = [name for name in ELSEWHERE if name in profile_args]
    if conn_id is None or strayed:
        because = (
            f"its profile mapping overrides {' and '.join(strayed)}"
            if strayed
            else "its profile does not come from an Airflow connection"
        )
        raise ValueError(
            f"which connection leads to the stream table of {unique_id} cannot be known, because {because}: "
            "set postgres_conn_id"
        )
    if database := profile_args.get("dbname"):
        return {"postgres_conn_id": conn_id, "hook_params": {"database": database}}
    return {"postgres_conn_id": conn_id}
