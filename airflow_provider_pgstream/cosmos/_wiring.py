"""The edges of a rendered graph: what waited for a run task waits for its gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any


def run_task_of(rendered: Any, unique_id: str) -> Any:
    """
    Return the task that runs a model: what Cosmos rendered for it, or the first of that group.

    :param rendered: what Cosmos, or a node converter of the user, has made of the model.
    :param unique_id: the model's id, for messages.
    :raises ValueError: if that is neither a task nor a group that begins with one task.
    """
    children = getattr(rendered, "children", None)
    if children is None:
        if not hasattr(rendered, "downstream_task_ids") or not hasattr(rendered, "dag"):
            raise ValueError(cannot_gate(rendered, unique_id))
        return rendered
    first = [
        task for task in children.values() if not getattr(task, "upstream_task_ids", set()) & children.keys()
    ]
    if len(first) != 1 or hasattr(first[0], "children"):
        raise ValueError(cannot_gate(rendered, unique_id))
    return first[0]


def cannot_gate(rendered: Any, unique_id: str) -> str:
    """Return the sentence about what a node converter made of a stream table."""
    what = type(rendered).__name__
    name = getattr(rendered, "task_id", None) or getattr(rendered, "group_id", None)
    made = f"{what} {name}" if name else what
    return (
        f"{unique_id} is a stream table, and a node converter made {made} of it, behind which no gate can be "
        "put: return the task that Cosmos makes of a model, or a group in which "
        "everything else waits for that task; or leave the model to Cosmos"
    )


def upstream_of(dag: Any, tasks: Iterable[Any]) -> set[str]:
    """Return the ids of all tasks that some tasks of a DAG wait for."""
    seen: set[str] = set()
    waiting = [task_id for task in tasks for task_id in task.upstream_task_ids]
    while waiting:
        task_id = waiting.pop()
        if task_id not in seen:
            seen.add(task_id)
            waiting.extend(dag.get_task(task_id).upstream_task_ids)
    return seen


class Edges:
    """
    The edges of a DAG, to be moved.

    Those of groups are moved as well: Airflow's graph view draws them.

    :param dag: the DAG; no edge of a group that is not moved here changes meanwhile.
    """

    def __init__(self, dag: Any) -> None:
        self.dag = dag
        self.groups_behind: dict[str, list[Any]] = defaultdict(list)
        for group in dag.task_group.get_task_group_dict().values():
            for task_id in group.upstream_task_ids:
                self.groups_behind[task_id].append(group)

    def insert_behind(self, run: Any, tasks: list[Any]) -> None:
        """Put tasks, in their order, between a run task and everything that waited for it."""
        self.move(run, tasks[-1])
        for upstream, downstream in zip([run, *tasks], tasks, strict=False):
            upstream >> downstream

    def move(self, old: Any, new: Any, keep: Set[str] = frozenset()) -> None:
        """Let what waited for one task wait for another, but for some tasks and the groups that hold them."""
        for task_id in old.downstream_task_ids - keep:
            task = self.dag.get_task(task_id)
            old.downstream_task_ids.discard(task_id)
            task.upstream_task_ids.discard(old.task_id)
            new >> task
        groups = self.groups_behind.pop(old.task_id, [])
        kept = [group for group in groups if any(task.task_id in keep for task in group.iter_tasks())]
        for group in groups:
            if group not in kept:
                group.upstream_task_ids.discard(old.task_id)
                group.upstream_task_ids.add(new.task_id)
                self.groups_behind[new.task_id].append(group)
        self.groups_behind[old.task_id] = kept


class Descendants:
    """
    What depends on a model through models that were left out of the selection.

    dbt keeps that order by itself; Cosmos draws an edge only between neighbours.

    :param nodes: all models that Cosmos has loaded, selected or not.
    :param rendered: what it made tasks of.
    """

    def __init__(self, nodes: Mapping[str, Any], rendered: Mapping[str, Any]) -> None:
        self.rendered = rendered
        self.children: dict[str, list[str]] = defaultdict(list)
        for unique_id, node in nodes.items():
            for parent in node.depends_on:
                self.children[parent].append(unique_id)

    def across_gaps(self, unique_id: str) -> Iterator[Any]:
        """Yield the nearest rendered tasks and groups that lie behind a model that is not rendered."""
        hidden = [child for child in self.children[unique_id] if child not in self.rendered]
        seen = set(hidden)
        while hidden:
            for child in self.children[hidden.pop()]:
                if child in seen:
                    continue
                seen.add(child)
                if child in self.rendered:
                    yield self.rendered[child]
                else:
                    hidden.append(child)
