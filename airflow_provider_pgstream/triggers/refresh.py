"""The trigger that refreshes stream tables on behalf of a deferred operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import psycopg
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_pgstream.hooks.pgstream_async import AsyncSession, Database
from airflow_provider_pgstream.refresh_plan import RefreshPlan
from airflow_provider_pgstream.translation import translate


class PgStreamRefreshOperationTrigger(BaseTrigger):
    """
    Refreshes stream tables, each in a session of its own, and fires once with the report.

    When the task is killed or times out, or the triggerer is stopped, the running statement is cancelled with
    it and nothing of it is committed. A triggerer that starts again starts the refresh anew; what a killed
    one's server session still works on is then busy, which the plan waits for.

    :param plan: what to do, as ``RefreshPlan.to_json`` writes it.
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
            event = await self._refresh()
        except Exception as error:  # noqa: BLE001 - a trigger never raises: the task does, when it is resumed
            event = {"status": "error", "results": {}, "errors": [_described(error)]}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _refresh(self) -> dict[str, Any]:
        database = Database(self.postgres_conn_id, self.hook_params)
        place = (await database.target()).place
        program = RefreshPlan.from_json(self.plan).program(place)
        try:
            report = await AsyncSession(database, self.log).drive(program)
        except psycopg.Error as error:
            raise translate(error, place=place) from error
        return report.to_event()


def _described(error: Exception) -> dict[str, Any]:
    return {"stream_table": None, "type": type(error).__name__, "message": str(error) or repr(error)}
