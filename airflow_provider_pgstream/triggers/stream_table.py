"""The trigger that waits for stream tables on behalf of a deferred sensor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_pgstream import conditions, queries
from airflow_provider_pgstream.conditions import Outcome
from airflow_provider_pgstream.hooks.pgstream_async import AsyncConnection, Database, passes
from airflow_provider_pgstream.models import StreamTable
from airflow_provider_pgstream.triggers.events import failure, success
from airflow_provider_pgstream.triggers.shared_look import Unreachable, Wish, looks


class StreamTableTrigger(BaseTrigger):
    """
    Fires when all of the stream tables meet a condition, or one of them never will.

    All triggers of this kind in one triggerer share one connection per database and one query per poll
    interval. A server that is away is waited for: the task's timeout ends that.

    :param stream_tables: their qualified names.
    :param condition: a condition as :func:`conditions.to_json` writes it.
    :param postgres_conn_id: the Airflow connection.
    :param hook_params: arguments of the hook.
    :param poll_interval: seconds between looks.
    """

    def __init__(
        self,
        stream_tables: Sequence[str],
        condition: Mapping[str, Any],
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stream_tables = list(stream_tables)
        self.condition = dict(condition)
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "stream_tables": self.stream_tables,
                "condition": self.condition,
                "postgres_conn_id": self.postgres_conn_id,
                "hook_params": self.hook_params,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how the wait ended."""
        try:
            event = await self._wait()
        except Exception as error:  # noqa: BLE001 - a trigger never raises: the task does, when it is resumed
            event = failure(error)
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        condition = conditions.from_json(self.condition)
        wish = Wish(look, frozenset(self.stream_tables), self.poll_interval)
        told = ""
        async with looks(Database(self.postgres_conn_id, self.hook_params), wish) as seen:
            async for tables in seen:
                if isinstance(tables, Unreachable):
                    if not passes(tables.error):
                        return failure(tables.error)
                    reason = f"waiting for the server to come back: {tables.error}"
                else:
                    verdict = conditions.judge_all(condition, self.stream_tables, tables)
                    if verdict.outcome is Outcome.FAIL:
                        return failure(verdict.error(verdict.reason))
                    if verdict.outcome is Outcome.DONE:
                        return success(verdict.reason, conditions.seen(self.stream_tables, tables))
                    reason = verdict.reason
                if reason != told:
                    self.log.info("%s", reason)
                    told = reason
        raise AssertionError("a shared look goes on for as long as somebody follows it")


async def look(connection: AsyncConnection, names: list[str]) -> dict[str, StreamTable]:
    """See several stream tables in one query."""
    cursor = await connection.execute(queries.STREAM_TABLES, {"names": names})
    return {row["name"]: StreamTable.from_row(row) for row in await cursor.fetchall()}
