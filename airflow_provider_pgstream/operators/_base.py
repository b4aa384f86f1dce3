"""What all operators share: the connection, the stream tables, the hook, and the assets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_pgstream._engines.names import check_names
from airflow_provider_pgstream.assets import alias_of, emit
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

EMITTED = ("refreshed", "created", "replaced", "repaired")
"""The outcomes after which a stream table holds new data."""


class PgStreamOperator(BaseOperator):
    """
    Base of the operators on stream tables.

    :param stream_table: ``schema.table``, or ``table`` in the session's ``current_schema()``, or a list
        (templated).
    :param postgres_conn_id: a connection of type ``postgres`` or ``pgstream`` (templated).
    :param hook_params: further arguments of the hook, such as ``database``.
    """

    template_fields: Sequence[str] = ("stream_table", "postgres_conn_id", "hook_params")
    ui_color = "#e3eef8"

    def __init__(
        self,
        *,
        stream_table: str | Iterable[str] | None,
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_table = stream_table
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params
        self._fresh: list[str] = []
        self._alias = alias_of(f"{self.dag_id}.{self.task_id}")
        if self._emits:
            self.add_outlets([self._alias])

    _emits = False

    @cached_property
    def hook(self) -> PgStreamHook:
        """The hook that does the work."""
        return PgStreamHook(postgres_conn_id=self.postgres_conn_id, **(self.hook_params or {}))

    def on_kill(self) -> None:
        """Cancel the statement that is running."""
        self.hook.cancel()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - the protocol's
        """Return the lineage of the stream tables that got new data; of the others there is none."""
        if not self._fresh:
            return None
        from airflow_provider_pgstream.operators._lineage import lineage_of

        return lineage_of(self.hook, self._fresh)

    def _names(self) -> list[str]:
        return check_names(self.stream_table)  # type: ignore[arg-type]  # it refuses what is no name

    def _done(self, context: Context, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Log what became of each stream table, and emit the assets of those with new data."""
        for name, result in results.items():
            level = logging.ERROR if result["outcome"] == "failed" else logging.INFO
            self.log.log(level, "%s", _sentence(name, result))
        self._fresh = [name for name, result in results.items() if result["outcome"] in EMITTED]
        self._emit(context, {name: results[name] for name in self._fresh})
        return dict(results)

    def _emit(self, context: Context, results: Mapping[str, Mapping[str, Any]]) -> None:
        emit(context, self._alias, self.hook.target.place, results)


def _sentence(name: str, result: Mapping[str, Any]) -> str:
    action = result.get("action")
    counts = ""
    if result.get("rows_inserted") is not None:
        counts = f": +{result['rows_inserted']} -{result['rows_deleted']} by the engine's count"
    reason = f" ({result['reason']})" if result.get("reason") else ""
    what = f" {action}{counts}" if action else ""
    return f"stream table {name} {result['outcome']}{what}, {result['seconds']:.3f} s{reason}"
