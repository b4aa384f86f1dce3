"""One moment for all stream tables of a rendered graph: a task behind their gates, before their readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pgstream.cosmos import _modes as modes
from airflow_provider_pgstream.cosmos._tasks import ConsistentRefresh
from airflow_provider_pgstream.cosmos._wiring import Edges, run_task_of, upstream_of

TASK_ID = "refresh_consistent"
STORE_NOTHING = ("view", "ephemeral")


def refresh_together(graph: Any, gates: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """
    Put a refresh as of one moment behind some gates, and before all that reads their stream tables.

    What has to run before a stream table's own model stays where it is, such as the tests of one that another
    reads.

    :param graph: the rendered graph.
    :param gates: the last task of each gate, by the model's id.
    :param arguments: further arguments of the refresh operator.
    :raises ValueError: if a model that stores rows lies between two stream tables, or they lie in different
        databases.
    """
    dag = graph if isinstance(graph, DAG) else graph.dag
    before = upstream_of(dag, gates.values()) | {gate.task_id for gate in gates.values()}
    between = before & {task_id for gate in gates.values() for task_id in _downstream_of(gate)}
    _refuse_copies(graph, gates, between)
    refresh = ConsistentRefresh(
        task_id=TASK_ID,
        dag=dag,
        task_group=dag.task_group if graph is dag else graph,
        stream_table=[gate.stream_table for gate in gates.values()],
        consistent=True,
        **_one_connection(gates),
        **arguments,
    )
    refresh.run_tasks = {gate.run_task_id: gate.model for gate in gates.values()}
    edges = Edges(dag)
    for gate in gates.values():
        edges.move(gate, refresh, keep=before)
        gate >> refresh
    for task_id in between:
        for reader in dag.get_task(task_id).downstream_task_ids - before - {refresh.task_id}:
            refresh >> dag.get_task(reader)


def _one_connection(gates: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that lead to the one database of all gates."""
    where = [(gate.postgres_conn_id, gate.hook_params) for gate in gates.values()]
    if any(each != where[0] for each in where):
        raise ValueError(
            f"consistent=True refreshes {', '.join(gates)} as of one moment, which is one database's, but "
            "their connections differ: gate those of each database as a group of their own"
        )
    conn_id, hook_params = where[0]
    return {"postgres_conn_id": conn_id, "hook_params": hook_params}


def _refuse_copies(graph: Any, gates: Mapping[str, Any], between: set[str]) -> None:
    """Refuse models that would copy rows of a stream table before all of them are of one moment."""
    for unique_id, node in graph.dbt_graph.filtered_nodes.items():
        rendered = graph.tasks_map.get(unique_id)
        if (
            unique_id in gates
            or rendered is None
            or modes.value(node.resource_type) not in ("model", "snapshot")
        ):
            continue
        task_id = run_task_of(rendered).task_id
        if task_id in between and node.config.get("materialized") not in STORE_NOTHING:
            raise ValueError(
                f"consistent=True cannot be kept: {unique_id} reads a stream table, and another stream table "
                "reads it, so it would copy rows before all are refreshed as of one moment. Make it a view, "
                "or gate what lies before it and behind it as two groups"
            )


def _downstream_of(task: Any) -> set[str]:
    return set(task.get_flat_relative_ids(upstream=False))
