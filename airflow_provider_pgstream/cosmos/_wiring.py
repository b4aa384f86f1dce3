"""The edges of a rendered graph: what waited for a run task waits for its gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any


def run_task_of(rendered: Any) -> Any:
    """Return the task that runs a model: what Cosmos rendered for it, or the first of that group."""
    children = getattr(rendered, "children", None)
    if children is None:
        return rendered
    (run,) = (task for task in children.values() if not task.upstream_task_ids & children.keys())
    return run


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
