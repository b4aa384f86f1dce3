"""The trigger that waits for change capture on behalf of a deferred health sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import detect
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._events import Event, failure
from airflow_provider_pgstream._stream_tables import capture, health
from airflow_provider_pgstream._stream_tables.capture import Observation
from airflow_provider_pgstream._stream_tables.conditions import Outcome
from airflow_provider_pgstream.exceptions import CaptureBroken
from airflow_provider_pgstream.hooks._async import AsyncConnection, AsyncSession, read
from airflow_provider_pgstream.models import Diagnosis
from airflow_provider_pgstream.triggers._shared_poll import Poll
from airflow_provider_pgstream.triggers._waiting import WaitingTrigger


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
    def poll(self) -> Poll:
        """The same queries for all who wait so."""
        return poll_capture

    async def judge(self, seen: Observation) -> Event | str:
        """Ask the observation, and find out which stream table is at fault where capture is broken."""
        verdict = seen.judge(self.stream_tables, self.max_lag_bytes)
        if verdict.outcome is Outcome.WAIT:
            return verdict.reason
        if verdict.outcome is Outcome.DONE:
            return Event(seen.to_json(self.stream_tables), message=verdict.reason)
        if verdict.error is not CaptureBroken:
            return failure(verdict.error(verdict.reason))
        place = (await self.database.target()).place
        diagnosis = await AsyncSession(self.database, self.log).drive(_diagnose(place))
        return failure(capture.with_culprits(verdict, diagnosis))


def _diagnose(place: Place) -> Program[Diagnosis]:
    installation = yield from detect(place)
    return (yield from health.diagnose(installation))


async def poll_capture(
    connection: AsyncConnection,
    engine: Engine,
    names: list[str],  # noqa: ARG001 - everything is fetched
) -> Observation:
    """Fetch all that capture depends on."""
    return await read(connection, capture.observe(engine))
