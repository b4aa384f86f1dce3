"""The trigger that waits for stream tables on behalf of a deferred sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._events import Event, failure
from airflow_provider_pgstream._stream_tables import conditions, lookup
from airflow_provider_pgstream._stream_tables.conditions import Outcome
from airflow_provider_pgstream.hooks._async import AsyncConnection, read
from airflow_provider_pgstream.models import StreamTable
from airflow_provider_pgstream.triggers._shared_poll import Poll
from airflow_provider_pgstream.triggers._waiting import WaitingTrigger


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
    def poll(self) -> Poll:
        """One query for all stream tables that anybody waits for."""
        return poll_stream_tables

    async def judge(self, seen: Mapping[str, StreamTable]) -> Event | str:
        """Ask the condition."""
        verdict = conditions.judge_all(self._condition, self.stream_tables, seen)
        if verdict.outcome is Outcome.FAIL:
            return failure(verdict.error(verdict.reason))
        if verdict.outcome is Outcome.DONE:
            return Event(conditions.seen(self.stream_tables, seen), message=verdict.reason)
        return verdict.reason


async def poll_stream_tables(
    connection: AsyncConnection, engine: Engine, names: list[str]
) -> dict[str, StreamTable]:
    """Fetch several stream tables in one query."""
    return await read(connection, lookup.fetch(engine, names))
