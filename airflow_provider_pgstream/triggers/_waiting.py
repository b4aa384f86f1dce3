"""What the triggers of all sensors share: one poll, patience with a server that is away, one event."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_pgstream._events import Event, failure
from airflow_provider_pgstream.hooks._async import Database, is_transient
from airflow_provider_pgstream.triggers._shared_poll import Poll, Subscription, Unreachable, polls


class WaitingTrigger(BaseTrigger):
    """
    Waits on behalf of a deferred sensor, and fires once.

    All such triggers in one triggerer share one connection per database and one poll per interval. A
    server that is away is waited for: the task's timeout ends that.

    :param stream_tables: their qualified names.
    :param postgres_conn_id: the Airflow connection.
    :param hook_params: arguments of the hook.
    :param poll_interval: seconds between polls.
    """

    def __init__(
        self,
        stream_tables: Sequence[str],
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stream_tables = list(stream_tables)
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "stream_tables": self.stream_tables,
                "postgres_conn_id": self.postgres_conn_id,
                "hook_params": self.hook_params,
                "poll_interval": self.poll_interval,
            },
        )

    @property
    @abstractmethod
    def poll(self) -> Poll:
        """What fetches everything that is waited for; triggers with the same function share a query."""

    @abstractmethod
    async def judge(self, seen: Any) -> Event | str:
        """Return the event, if the wait is over; else the reason why it is not."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how the wait ended."""
        try:
            event = await self._wait()
        except Exception as error:  # noqa: BLE001 - a trigger never raises: the task does, when it is resumed
            event = failure(error)
        yield TriggerEvent(event.payload())  # type: ignore[no-untyped-call]

    async def _wait(self) -> Event:
        subscription = Subscription(self.poll, frozenset(self.stream_tables), self.poll_interval)
        logged = ""
        async with polls(self.database, subscription) as all_seen:
            async for seen in all_seen:
                outcome = _away(seen.error) if isinstance(seen, Unreachable) else await self.judge(seen)
                if isinstance(outcome, Event):
                    return outcome
                if outcome != logged:
                    self.log.info("%s", outcome)
                    logged = outcome
        raise AssertionError("a shared poll goes on for as long as somebody follows it")

    @property
    def database(self) -> Database:
        """The database that is polled."""
        return Database(self.postgres_conn_id, self.hook_params)


def _away(error: Exception) -> Event | str:
    return f"waiting for the server to come back: {error}" if is_transient(error) else failure(error)
