"""What the triggers share that do the work of a deferred operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import psycopg
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._events import Event, failure
from airflow_provider_pgstream.hooks._async import AsyncSession, Database


class OperationTrigger(BaseTrigger):
    """
    Does what a plan says, and fires once with what became of it.

    When the task is killed or times out, or the triggerer is stopped, the running statement is cancelled with
    it and nothing of it is committed. A triggerer that starts again begins the plan anew; what a killed one's
    server session still works on is then busy, which plans wait for.

    :param plan: what to do, as the plan's ``to_json`` writes it.
    :param postgres_conn_id: the Airflow connection.
    :param hook_params: arguments of the hook.
    """

    def __init__(
        self,
        plan: Mapping[str, Any],
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.plan = dict(plan)
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"plan": self.plan, "postgres_conn_id": self.postgres_conn_id, "hook_params": self.hook_params},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: what became of each stream table."""
        try:
            event = await self._carry_out()
        except Exception as error:  # noqa: BLE001 - a trigger never raises: the task does, when it is resumed
            event = failure(error)
        yield TriggerEvent(event.payload())  # type: ignore[no-untyped-call]

    def program(self, place: Place) -> Program[Event]:
        """Return what is to be said to the database."""
        raise NotImplementedError

    async def _carry_out(self) -> Event:
        database = Database(self.postgres_conn_id, self.hook_params)
        place = (await database.target()).place
        try:
            return await AsyncSession(database, self.log).drive(self.program(place))
        except psycopg.Error as error:
            raise database.ours(error) from error
