"""What tests look at of a graph that was rendered, and of a run of it."""

from __future__ import annotations

from typing import Any


def edges(dag: Any, prefix: str = "") -> dict[str, set[str]]:
    """Return what follows each task, without a group's prefix."""
    return {
        task.task_id.removeprefix(prefix): {each.removeprefix(prefix) for each in task.downstream_task_ids}
        for task in dag.tasks
    }


def asset_events(run_id: str) -> dict[str, set[str]]:
    """Return which tasks of a run have emitted each asset."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    emitted: dict[str, set[str]] = {}
    with create_session() as session:
        for event in session.query(AssetEvent).filter_by(source_dag_id="shop", source_run_id=run_id):
            path = "/".join(event.asset.uri.split("/")[-2:])
            emitted.setdefault(path, set()).add(event.source_task_id)
    return emitted
