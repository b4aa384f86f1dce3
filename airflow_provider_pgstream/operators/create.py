"""Creating stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream._arguments import boolean, is_template, one_of, parameters_of, takes
from airflow_provider_pgstream._stream_tables.settings import Settings
from airflow_provider_pgstream._stream_tables.spec import IF_EXISTS
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.operators._base import PgStreamOperator

SETTINGS = tuple(asdict(Settings()))


class PgStreamCreateOperator(PgStreamOperator):
    """
    Create a stream table.

    :param query: one SELECT with qualified table names, or the name of a ``.sql`` file (templated).
    :param schedule: a duration, a cron expression (pg_stream), ``calculated``: after what it reads
        (pg_trickle), or None: only a refresh from outside drives it (templated).
    :param refresh_mode: ``DIFFERENTIAL`` or ``FULL``; on pg_trickle also ``AUTO`` or ``IMMEDIATE``.
    :param initialize: populate it now; if not, nothing does before a refresh (templated).
    :param status: the status to give it, such as ``PAUSED``.
    :param if_exists: ``fail``; ``skip`` it; or ``replace`` it: alter it where that is enough, else drop it
        and create it again, unless something reads it.
    :param lock_timeout: seconds to wait for the writers of its sources.
    """

    __doc__ = f"{__doc__}{parameters_of(Settings)}\n"
    template_fields: Sequence[str] = (
        *PgStreamOperator.template_fields,
        "query",
        "schedule",
        "initialize",
        *SETTINGS,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"query": "sql"}  # noqa: RUF012 - as Airflow declares it
    _emits = True

    @takes(Settings)
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
        chosen = {name: kwargs.pop(name, None) for name in SETTINGS}
        super().__init__(**kwargs)
        for name, value in chosen.items():
            setattr(self, name, value)
        self.query = query
        self.schedule = schedule
        self.refresh_mode = refresh_mode
        self.initialize = initialize if is_template(initialize) else boolean("initialize", initialize)
        self.status = status
        self.if_exists = one_of("if_exists", if_exists, IF_EXISTS)
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
            initialize=boolean("initialize", self.initialize),
            status=self.status,
            if_exists=self.if_exists,
            lock_timeout=self.lock_timeout,
            **{setting: getattr(self, setting) for setting in SETTINGS},
        )
        return self._done(context, {name: result.to_json()})
