"""Behind every stream table of a rendered Cosmos graph, the tasks that wait until it can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from cosmos.converter import DbtToAirflowConverter

from airflow_provider_pgstream._arguments import boolean
from airflow_provider_pgstream.cosmos import _modes as modes
from airflow_provider_pgstream.cosmos._connection import connection_of
from airflow_provider_pgstream.cosmos._consistent import refresh_together
from airflow_provider_pgstream.cosmos._relation import (
    BEGAN_KEY,
    STREAM_TABLE_KEY,
    node_of,
    push_relation,
    read_manifest,
    refuse_ungated,
    stream_table_of,
)
from airflow_provider_pgstream.cosmos._settings import TIMEOUT, GateSettings, is_stream_table
from airflow_provider_pgstream.cosmos._tasks import FreshGate, GateRefresh, PopulatedGate
from airflow_provider_pgstream.cosmos._wiring import Descendants, Edges, run_task_of


def gate_stream_tables(
    dag_or_group: Any,
    *,
    refresh: str = "auto",
    wait_for: str = "populated",
    consistent: bool = False,
    postgres_conn_id: str | None = None,
    sensor_args: Mapping[str, Any] | None = None,
    refresh_args: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Let nothing that Cosmos has put downstream of a stream table start before that can be read.

    Each stream-table model becomes ``run → [refresh →] populated → [tests →] downstream``. Cosmos' task ids
    stay as they are, and so does what is gated already. A model may set any of this for itself, under
    ``meta.pgstream``.

    :param dag_or_group: a ``DbtDag`` or ``DbtTaskGroup``, or a DAG or task group that holds some.
    :param refresh: ``"auto"`` refreshes models with ``initialize: false`` when unpopulated, and those with
        ``schedule: null`` always; ``"always"`` refreshes each on every run; ``"never"`` none.
    :param wait_for: ``"populated"``, or ``"fresh"``: data as of a moment after this run's model task began.
    :param consistent: refresh all stream tables of a group as of one moment, behind their gates and before
        anything else reads them, so that they agree with one another. ``refresh="never"`` of a model leaves
        it out.
    :param postgres_conn_id: the connection of refresh and sensor; by default that of Cosmos' profile mapping.
    :param sensor_args: further arguments of the sensors, such as ``timeout`` (seconds, by default one hour).
    :param refresh_args: further arguments of the refresh operators.
    :return: the last task of each gate, by the model's id.
    :raises ValueError: if a gate would come too late in this graph, or could not know its stream table.
    """
    settings = GateSettings(
        refresh=refresh,
        wait_for=wait_for,
        consistent=boolean("consistent", consistent),
        postgres_conn_id=postgres_conn_id,
        sensor_args={"timeout": TIMEOUT, **(sensor_args or {})},
        refresh_args=dict(refresh_args or {}),
    )
    gates: dict[str, Any] = {}
    rendered = list(_rendered_in(dag_or_group))
    if not rendered:
        raise ValueError(f"{_spoken(dag_or_group)} holds no DbtDag or DbtTaskGroup: there is nothing to gate")
    for graph in rendered:
        modes.refuse_late_gates(graph)
    for graph in rendered:
        gates.update(_Gating(graph, settings).gate_all())
    return gates


def _rendered_in(dag_or_group: Any) -> list[DbtToAirflowConverter]:
    if isinstance(dag_or_group, DbtToAirflowConverter):
        return [dag_or_group]
    group = dag_or_group.task_group if isinstance(dag_or_group, DAG) else dag_or_group
    children = getattr(group, "children", {}).values()
    return [graph for child in children for graph in _rendered_in(child)]


def _spoken(dag_or_group: Any) -> str:
    return str(getattr(dag_or_group, "dag_id", None) or getattr(dag_or_group, "group_id", dag_or_group))


@dataclass
class _Gating:
    """The gates of one rendered graph."""

    graph: Any
    settings: GateSettings

    def gate_all(self) -> dict[str, Any]:
        """Gate every stream table, or return the gates that are there."""
        done: dict[str, Any] | None = getattr(self.graph, "stream_table_gates", None)
        if done is not None:
            return done
        tasks_map = self.graph.tasks_map
        nodes = self.graph.dbt_graph.filtered_nodes
        models = {uid: node for uid, node in nodes.items() if uid in tasks_map and is_stream_table(node)}
        edges = Edges(self.graph if isinstance(self.graph, DAG) else self.graph.dag)
        gates = {uid: self.gate(uid, node, edges) for uid, node in models.items()}
        self.graph.stream_table_gates = gates
        if self.config_is_guessed:
            self.refuse_ungated({uid: node for uid, node in nodes.items() if uid not in models})
        descendants = Descendants(self.graph.dbt_graph.nodes, tasks_map)
        for unique_id, gate in gates.items():
            for task_or_group in descendants.across_gaps(unique_id):
                gate >> task_or_group
        if together := {uid: gate for uid, gate in gates.items() if gate.is_refreshed_with_others}:
            refresh_together(self.graph, together, self.settings.refresh_args)
        return gates

    @property
    def config_is_guessed(self) -> bool:
        """Whether Cosmos has read the models' files by itself, and so knows little of their configuration."""
        return bool(modes.value(self.graph.dbt_graph.load_method) == "custom")

    def refuse_ungated(self, nodes: Mapping[str, Any]) -> None:
        """Let models that do not look like stream tables fail if they turn out to be some."""
        for key, node in nodes.items():
            rendered = self.graph.tasks_map.get(key)
            run = rendered and run_task_of(rendered)
            if modes.value(node.resource_type) == "model" and hasattr(run, "callback"):
                _call_after_dbt(run, refuse_ungated, node.unique_id)

    def gate(self, key: str, node: Any, edges: Edges) -> Any:
        """Gate one stream table, and return the last task of its gate."""
        settings = self.settings.for_model(node.unique_id, node.config)
        run = run_task_of(self.graph.tasks_map[key])
        tasks = self.tasks(run, node, settings)
        for task in tasks:
            task.run_task_id = run.task_id
            task.model = node.unique_id
        last = tasks[-1]
        last.refresh = settings.refresh
        last.is_refreshed_with_others = settings.consistent and settings.refresh != "never"
        run.emit_datasets = False
        edges.insert_behind(run, tasks)
        return last

    def tasks(self, run: Any, node: Any, settings: GateSettings) -> list[Any]:
        """Make the tasks of one gate."""
        stream_table, began = self.relation(run, node, settings)
        where = {
            "dag": run.dag,
            "task_group": run.task_group,
            "stream_table": stream_table,
            **connection_of(run, settings.postgres_conn_id, node.unique_id),
        }
        tasks: list[Any] = []
        if when := settings.refresh_when(node.config, config_is_known=not self.config_is_guessed):
            arguments = {**where, "when": when, **settings.refresh_args}
            tasks.append(GateRefresh(task_id=_sibling(run, "refresh"), **arguments))
        if settings.wait_for == "fresh":
            arguments = {**where, "emit_asset": True, "fresh_as_of": began, **settings.sensor_args}
            tasks.append(FreshGate(task_id=_sibling(run, "fresh"), **arguments))
        else:
            emits = not settings.consistent or settings.refresh == "never"
            arguments = {**where, "emit_asset": emits, **settings.sensor_args}
            tasks.append(PopulatedGate(task_id=_sibling(run, "populated"), **arguments))
        return tasks

    def relation(self, run: Any, node: Any, settings: GateSettings) -> tuple[str, str]:
        """Return what stands for the stream table, and for the moment when the model's run began."""
        if modes.execution_mode(self.graph) in modes.LOCAL:
            _call_after_dbt(run, push_relation, node.unique_id)
            pulled = "{{{{ ti.xcom_pull(task_ids='{}', key='{}') }}}}".format
            return (
                settings.stream_table or pulled(run.task_id, STREAM_TABLE_KEY),
                pulled(run.task_id, BEGAN_KEY),
            )
        own_start = "{{ ti.start_date.isoformat() }}"
        return settings.stream_table or self.relation_in_manifest(node.unique_id), own_start

    def relation_in_manifest(self, unique_id: str) -> str:
        """
        Return the stream table of a model that runs where its own manifest cannot be read.

        :raises ValueError: if there is no manifest, or it does not have the model.
        """
        path = self.graph.dbt_graph.project.manifest_path
        found = node_of(read_manifest(path), unique_id) if path else None
        if found is None:
            raise ValueError(
                f"which stream table {unique_id} makes cannot be known in execution mode "
                f"{modes.execution_mode(self.graph)}, "
                + (
                    f"because {path} does not have it"
                    if path
                    else "because dbt's manifest stays in the container"
                )
                + ": give ProjectConfig(manifest_path=…), or set meta.pgstream.stream_table of the model"
            )
        return stream_table_of(found)


def _call_after_dbt(run: Any, function: Callable[..., None], unique_id: str) -> None:
    """Let the run task call a function, beside the callbacks that the user has given."""

    def call(project_dir: str, **kwargs: Any) -> None:
        function(project_dir, **{**kwargs, "unique_id": unique_id})

    present = run.callback
    run.callback = [*(present if isinstance(present, list) else [present] if present else []), call]


def _sibling(run: Any, word: str) -> str:
    """Return the id of a task beside a run task: ``populated`` for ``run``, ``a_populated`` for ``a_run``."""
    # Not its label, which is what Airflow displays and may be the same for two tasks.
    own = run.task_id.removeprefix(run.task_group.child_id(""))
    return word if own == "run" else f"{own.removesuffix('_run')}_{word}"
