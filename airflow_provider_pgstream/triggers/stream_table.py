"""The trigger that waits for stream tables on behalf of a deferred sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pgstream import catalog, conditions
from airflow_provider_pgstream.conditions import Outcome
from airflow_provider_pgstream.hooks.pgstream_async import AsyncConnection, read
from airflow_provider_pgstream.models import StreamTable
from airflow_provider_pgstream.triggers.events import failure, success
from airflow_provider_pgstream.triggers.shared_look import Look
from airflow_provider_pgstream.triggers.waiting import WaitingTrigger


class StreamTableTrigger(WaitingTrigger):
    """
    Fires when all of the stream tables meet a condition, or one of them never will.

    :param stream_tables: their qualified names.
    :param condition: a condition as :func:`conditions.to_json` writes it.
    """

    def __init__(self, stream_tables: Sequence[str], condition: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(stream_tables, **kwargs)
        self.condition = dict(condition)
        self._condition = conditions.from_json(condition)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        path, arguments = super().serialize()
        return path, {**arguments, "condition": self.condition}

    @property
    def look(self) -> Look:
        """One query for all stream tables that anybody waits for."""
        return look

    async def judge(self, seen: Mapping[str, StreamTable]) -> dict[str, Any] | str:
        """Ask the condition."""
        verdict = conditions.judge_all(self._condition, self.stream_tables, seen)
        if verdict.outcome is Outcome.FAIL:
            return failure(verdict.error(verdict.reason))
        if verdict.outcome is Outcome.DONE:
            return success(verdict.reason, conditions.seen(self.stream_tables, seen))
        return verdict.reason


async def look(connection: AsyncConnection, names: list[str]) -> dict[str, StreamTable]:
    """See several stream tables in one query."""
    return await read(connection, catalog.look(names))
