"""The trigger that waits for what an engine says of itself, on behalf of a deferred sensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._events import Event, failure
from airflow_provider_pgstream._stream_tables import engine_checks
from airflow_provider_pgstream._stream_tables.conditions import Outcome
from airflow_provider_pgstream.hooks._async import AsyncConnection, read
from airflow_provider_pgstream.triggers._shared_poll import Poll
from airflow_provider_pgstream.triggers._waiting import WaitingTrigger


class EngineCheckTrigger(WaitingTrigger):
    """
    Fires when the engine's own checks, or a group of watermarks, are as they are waited for.

    :param condition: what to wait for, as :func:`engine_checks.to_json` writes it.
    """

    def __init__(self, condition: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__((), **kwargs)
        self.condition = dict(condition)
        self._condition = engine_checks.from_json(condition)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        path, arguments = super().serialize()
        del arguments["stream_tables"]
        return path, {**arguments, "condition": self.condition}

    @property
    def poll(self) -> Poll:
        """One query for all who wait for the same kind of thing."""
        return _POLLS[type(self._condition)]

    async def judge(self, seen: Any) -> Event | str:
        """Ask the condition."""
        verdict = self._condition.judge(seen)
        if verdict.outcome is Outcome.FAIL:
            return failure(verdict.error(verdict.reason))
        if verdict.outcome is Outcome.DONE:
            return Event(engine_checks.seen_to_json(seen), message=verdict.reason)
        return verdict.reason


async def poll_health(
    connection: AsyncConnection,
    engine: Engine,
    names: list[str],  # noqa: ARG001 - it is about the engine, not about a stream table
) -> Any:
    """Fetch the engine's own checks."""
    return await read(connection, engine_checks.health_checks(engine))


async def poll_watermarks(
    connection: AsyncConnection,
    engine: Engine,
    names: list[str],  # noqa: ARG001 - it is about sources, not about a stream table
) -> Any:
    """Fetch the groups of watermarks."""
    return await read(connection, engine_checks.watermark_groups(engine))


_POLLS: Mapping[type[Any], Poll] = {
    engine_checks.Healthy: poll_health,
    engine_checks.Aligned: poll_watermarks,
}
