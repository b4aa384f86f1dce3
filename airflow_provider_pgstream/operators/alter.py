"""Altering stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.operators.base import PgStreamOperator
from airflow_provider_pgstream.operators.one_by_one import one_by_one
from airflow_provider_pgstream.refresh_plan import raise_together

LEFT_ALONE: Final = "<left alone>"
"""Stands for an argument that is not given; text, so that a serialized task shows it."""


class PgStreamAlterOperator(PgStreamOperator):
    """
    Change the schedule, the refresh mode or the status of stream tables; what is not given is left alone.

    :param schedule: a duration or a cron expression (templated). None, that is CALCULATED, cannot be set by
        an alter: create the stream table anew with ``if_exists="replace"``.
    :param refresh_mode: ``DIFFERENTIAL`` or ``FULL``.
    :param status: ``ACTIVE``, ``PAUSED`` …; ``ACTIVE`` also resumes one in ERROR.
    """

    template_fields: Sequence[str] = (*PgStreamOperator.template_fields, "schedule", "status")

    def __init__(
        self,
        *,
        schedule: str | None = LEFT_ALONE,
        refresh_mode: str = LEFT_ALONE,
        status: str = LEFT_ALONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if schedule is None:
            raise InvalidStreamTable(
                "an alter cannot take a schedule away: create the stream table anew with "
                "PgStreamCreateOperator(schedule=None, if_exists='replace')"
            )
        if schedule == refresh_mode == status == LEFT_ALONE:
            raise InvalidStreamTable("nothing to alter: give schedule, refresh_mode or status")
        self.schedule = schedule
        self.refresh_mode = refresh_mode
        self.status = status

    def execute(self, context: Context) -> dict[str, Any]:
        """Alter each in a transaction of its own."""
        wanted = {"schedule": self.schedule, "refresh_mode": self.refresh_mode, "status": self.status}
        given = {key: value for key, value in wanted.items() if value != LEFT_ALONE}
        names = self.hook.resolve_all(self._names())
        report = one_by_one(names, lambda name: self.hook.alter(name, **given))
        results = self._done(context, report.to_json())
        raise_together(report.errors)
        return results
