"""Creating stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.life_cycle import IF_EXISTS
from airflow_provider_pgstream.operators.base import PgStreamOperator


class PgStreamCreateOperator(PgStreamOperator):
    """
    Create a stream table.

    :param query: one SELECT with qualified table names, or the name of a ``.sql`` file (templated).
    :param schedule: a duration, a cron expression, or None for CALCULATED: only a refresh from outside
        drives it (templated).
    :param refresh_mode: ``DIFFERENTIAL`` or ``FULL``.
    :param initialize: populate it now; if not, nothing does before a refresh.
    :param status: the status to give it, such as ``PAUSED``.
    :param if_exists: ``fail``; ``skip`` it; or ``replace`` it: alter it where that is enough, else drop it
        and create it anew, unless something reads it.
    :param lock_timeout: seconds to wait for the writers of its sources.
    """

    template_fields: Sequence[str] = (*PgStreamOperator.template_fields, "query", "schedule")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"query": "sql"}  # noqa: RUF012 - as Airflow declares it
    _emits = True

    def __init__(
        self,
        *,
        query: str,
        schedule: str | None = "1m",
        refresh_mode: str = "DIFFERENTIAL",
        initialize: bool = True,
        status: str | None = None,
        if_exists: str = "fail",
        lock_timeout: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if if_exists not in IF_EXISTS:
            raise InvalidStreamTable(
                f"if_exists={if_exists!r} is not known: give one of {', '.join(IF_EXISTS)}"
            )
        self.query = query
        self.schedule = schedule
        self.refresh_mode = refresh_mode
        self.initialize = initialize
        self.status = status
        self.if_exists = if_exists
        self.lock_timeout = lock_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Create it in one transaction."""
        names = self._names()
        if len(names) > 1:
            raise InvalidStreamTable(f"one query makes one stream table, not {', '.join(names)}")
        name = self.hook.resolve(names[0])
        result = self.hook.create(
            name,
            self.query,
            schedule=self.schedule,
            refresh_mode=self.refresh_mode,
            initialize=self.initialize,
            status=self.status,
            if_exists=self.if_exists,
            lock_timeout=self.lock_timeout,
        )
        return self._done(context, {name: result.to_json()})
