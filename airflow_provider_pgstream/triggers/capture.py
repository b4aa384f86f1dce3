"""The trigger that waits for change capture on behalf of a deferred health sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_pgstream import capture, health
from airflow_provider_pgstream.capture import Observation
from airflow_provider_pgstream.conditions import Outcome
from airflow_provider_pgstream.exceptions import CaptureBroken
from airflow_provider_pgstream.hooks.pgstream_async import AsyncConnection, AsyncSession, read
from airflow_provider_pgstream.triggers.events import failure, success
from airflow_provider_pgstream.triggers.shared_look import Look
from airflow_provider_pgstream.triggers.waiting import WaitingTrigger


class CaptureTrigger(WaitingTrigger):
    """
    Fires when the capture of changes is sound and its lag within bounds, or when it is broken.

    :param stream_tables: the stream tables whose sources count; none of them stands for all sources.
    :param max_lag_bytes: WAL that may wait to be decoded; None leaves it to the engine's own alert.
    """

    def __init__(
        self, stream_tables: Sequence[str] = (), max_lag_bytes: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(stream_tables, **kwargs)
        self.max_lag_bytes = max_lag_bytes

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        path, arguments = super().serialize()
        return path, {**arguments, "max_lag_bytes": self.max_lag_bytes}

    @property
    def look(self) -> Look:
        """The same three queries for all who wait so."""
        return look

    async def judge(self, seen: Observation) -> dict[str, Any] | str:
        """Ask the observation, and find out who is at fault if all is lost."""
        verdict = seen.judge(self.stream_tables, self.max_lag_bytes)
        if verdict.outcome is Outcome.WAIT:
            return verdict.reason
        if verdict.outcome is Outcome.DONE:
            return success(verdict.reason, seen.to_json(self.stream_tables))
        if verdict.error is not CaptureBroken:
            return failure(verdict.error(verdict.reason))
        place = (await self.database.target()).place
        diagnosis = await AsyncSession(self.database, self.log).drive(health.diagnose(place))
        return failure(capture.with_culprits(verdict, diagnosis))


async def look(connection: AsyncConnection, names: list[str]) -> Observation:  # noqa: ARG001 - looks at all
    """See all that capture depends on."""
    return await read(connection, capture.observe())
