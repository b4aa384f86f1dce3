"""What Cosmos' execution modes allow: where a gate can be Airflow tasks, and where dbt itself must wait."""

from __future__ import annotations

from typing import Any

LOCAL = frozenset({"local", "virtualenv"})
"""dbt runs on the Airflow worker, whose callback sees the manifest of the run."""

WATCHER = frozenset({"watcher", "watcher_kubernetes", "watcher_gcp_gke"})
"""One producer runs the whole project; the tasks of the models only watch it."""

ON_WORKER = LOCAL | {"watcher"}
"""dbt runs on the Airflow worker, and finds what lies there."""

UNSUPPORTED = frozenset({"airflow_async"})


def waits_inside_dbt(execution_mode: str, test_behavior: str | None) -> bool:
    """Tell whether what follows a model runs before an Airflow task behind it could hold it up."""
    return execution_mode in WATCHER or test_behavior == "build"


def value(member: Any) -> Any:
    """Return the text of one of Cosmos' enumerations."""
    return getattr(member, "value", member)


def refuse_unsupported(execution_mode: str) -> None:
    """
    Refuse a mode that cannot work on PostgreSQL.

    :raises ValueError: with the way out.
    """
    if execution_mode in UNSUPPORTED:
        raise ValueError(
            f"ExecutionMode.{execution_mode.upper()} has no operators for PostgreSQL: "
            "use ExecutionMode.LOCAL, VIRTUALENV or WATCHER"
        )


def execution_mode(graph: Any) -> str:
    """Return the mode in which a rendered graph runs dbt."""
    return str(value(graph.dbt_graph.execution_config.execution_mode))


def refuse_late_gates(graph: Any) -> None:
    """
    Refuse a rendered graph in which an Airflow task could not hold dbt up.

    :raises ValueError: with the way out.
    """
    mode = execution_mode(graph)
    refuse_unsupported(mode)
    behavior = value(graph.dbt_graph.render_config.test_behavior)
    if waits_inside_dbt(mode, behavior):
        because = (
            f"ExecutionMode.{mode.upper()} runs the whole project in one task, which no other can hold up"
            if mode in WATCHER
            else "TestBehavior.BUILD runs a model's tests together with the model, before any task behind it"
        )
        raise ValueError(
            f"{because}, so the wait must happen inside dbt: use PgStreamDbtDag or PgStreamDbtTaskGroup, "
            "which pass it the variables that it needs before they render"
        )
