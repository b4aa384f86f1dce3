"""Altering stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream._arguments import parameters_of, takes
from airflow_provider_pgstream._stream_tables.report import one_by_one
from airflow_provider_pgstream._stream_tables.settings import Settings
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.operators._base import PgStreamOperator
from airflow_provider_pgstream.operators.create import SETTINGS

LEFT_ALONE: Final = "<left alone>"
"""Stands for an argument that is not given; text, so that a serialized task shows it."""


class PgStreamAlterOperator(PgStreamOperator):
    """
    Change the schedule, the refresh mode, the status or a setting of stream tables; the rest is left alone.

    :param schedule: a duration or a cron expression (templated). None, that is CALCULATED, cannot be set by
        an alter: recreate the stream table with ``if_exists="replace"``.
    :param refresh_mode: ``DIFFERENTIAL`` or ``FULL``.
    :param status: ``ACTIVE``, ``PAUSED`` …; ``ACTIVE`` also resumes one in ERROR.
    """

    __doc__ = f"{__doc__}{parameters_of(Settings)}\n"
    template_fields: Sequence[str] = (
        *PgStreamOperator.template_fields,
        "schedule",
        "status",
        *SETTINGS,
    )

    @takes(Settings)
    def __init__(
        self,
        *,
        schedule: str | None = LEFT_ALONE,
        refresh_mode: str = LEFT_ALONE,
        status: str = LEFT_ALONE,
        **kwargs: Any,
    ) -> None:
        chosen = {name: kwargs.pop(name, None) for name in SETTINGS}
        super().__init__(**kwargs)
        for name, value in chosen.items():
            setattr(self, name, value)
        if schedule is None:
            raise InvalidStreamTable(
                "an alter cannot take a schedule away: recreate the stream table with "
                "PgStreamCreateOperator(schedule=None, if_exists='replace')"
            )
        if schedule == refresh_mode == status == LEFT_ALONE and not any(
            value is not None for value in chosen.values()
        ):
            raise InvalidStreamTable("nothing to alter: give schedule, refresh_mode, status or a setting")
        self.schedule = schedule
        self.refresh_mode = refresh_mode
        self.status = status

    def execute(self, context: Context) -> dict[str, Any]:
        """Alter each in a transaction of its own."""
        wanted = {"schedule": self.schedule, "refresh_mode": self.refresh_mode, "status": self.status}
        given = {key: value for key, value in wanted.items() if value != LEFT_ALONE}
        given |= {setting: getattr(self, setting) for setting in SETTINGS}
        names = self.hook.resolve_all(self._names())
        report = one_by_one(names, lambda name: self.hook.alter(name, **given))
        results = self._done(context, report.to_json())
        report.raise_errors()
        return results
