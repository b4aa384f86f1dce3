"""What the sensors share that wait for stream tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_pgstream._arguments import boolean
from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Condition, Outcome, Verdict
from airflow_provider_pgstream.assets import alias_of, emit
from airflow_provider_pgstream.sensors._waiting import WaitingSensor
from airflow_provider_pgstream.triggers.stream_table import StreamTableTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pgstream.triggers._waiting import WaitingTrigger


class StreamTableSensor(WaitingSensor):
    """
    Waits for one stream table or several; subclasses say for what.

    :param stream_table: ``"schema.table"``, ``"table"``, or a list of them; the wait is for all of a list.
    :param emit_asset: emit an event for the asset of each stream table when the wait is over. A DAG that is
        scheduled on that asset must not: it would start itself, again and again.
    """

    template_fields: Sequence[str] = ("stream_table", *WaitingSensor.template_fields)

    def __init__(
        self, *, stream_table: str | Sequence[str] | None, emit_asset: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.stream_table = stream_table
        self.emit_asset = boolean("emit_asset", emit_asset)
        self._alias = alias_of(f"{self.dag_id}.{self.task_id}")
        if self.emit_asset:
            self.add_outlets([self._alias])

    @property
    def condition(self) -> Condition:
        """What to wait for, made from the rendered arguments."""
        raise NotImplementedError

    @cached_property
    def names(self) -> list[str]:
        """The stream tables' qualified names."""
        return self.hook.resolve_all(self.stream_table)  # type: ignore[arg-type]  # it refuses what is no name

    def poll(self) -> tuple[Verdict, dict[str, Any]]:
        """Poll once; return what to think of it and, if the wait is over, what was seen."""
        tables = self.hook.look(self.names)
        verdict = conditions.judge_all(self.condition, self.names, tables)
        return verdict, conditions.seen(self.names, tables) if verdict.outcome is Outcome.DONE else {}

    def make_trigger(self) -> WaitingTrigger:
        """Return what waits in the triggerer."""
        return StreamTableTrigger(self.names, conditions.to_json(self.condition), **self.trigger_arguments)

    def emit(self, context: Context, result: dict[str, Any]) -> None:
        """Emit an asset event for each stream table that was waited for, if asked to."""
        if self.emit_asset:
            emit(context, self._alias, self.hook.target.place, result)
