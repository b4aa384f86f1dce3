"""What all sensors share: polling, waiting in every mode, and saying why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_pgstream._arguments import boolean
from airflow_provider_pgstream._events import read
from airflow_provider_pgstream._stream_tables.conditions import Outcome, Verdict
from airflow_provider_pgstream.exceptions import InvalidStreamTable, PgStreamError
from airflow_provider_pgstream.hooks._async import is_transient
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pgstream.triggers._waiting import WaitingTrigger

POKE_INTERVAL = 60.0
POKE_INTERVAL_DEFERRED = 5.0
TIMEOUT = 3600.0


class WaitingSensor(BaseSensorOperator):
    """
    Waits; subclasses say for what.

    :param postgres_conn_id: the Airflow connection.
    :param hook_params: arguments of :class:`PgStreamHook`.
    :param deferrable: whether to wait in the triggerer, where all such sensors share one connection.
    :param poke_interval: seconds between polls; 5 when deferrable, else 60.
    :param timeout: seconds to wait at most.
    :raises PgStreamError: the class that fits, as soon as what is waited for will never come by itself.
    """

    template_fields: Sequence[str] = ("postgres_conn_id", "hook_params")
    ui_color = "#cfe8e4"

    def __init__(
        self,
        *,
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float | None = None,
        timeout: timedelta | float = TIMEOUT,
        **kwargs: Any,
    ) -> None:
        if poke_interval is None:
            poke_interval = POKE_INTERVAL_DEFERRED if deferrable else POKE_INTERVAL
        _refuse_no_interval(poke_interval)
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params
        self.deferrable = boolean("deferrable", deferrable)
        self._told = ""
        self._reached = False

    @cached_property
    def hook(self) -> PgStreamHook:
        """The hook."""
        return PgStreamHook(postgres_conn_id=self.postgres_conn_id, **(self.hook_params or {}))

    def poll(self) -> tuple[Verdict, dict[str, Any]]:
        """Poll once; return what to think of it and, if the wait is over, what was seen."""
        raise NotImplementedError

    def make_trigger(self) -> WaitingTrigger:
        """Return what waits in the triggerer."""
        raise NotImplementedError

    @property
    def trigger_arguments(self) -> dict[str, Any]:
        """What every trigger needs to poll the same database."""
        return {
            "postgres_conn_id": self.postgres_conn_id,
            "hook_params": None if self.hook_params is None else dict(self.hook_params),
            "poll_interval": self.poke_interval,
        }

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll, and say why if the wait goes on."""
        try:
            verdict, result = self.poll()
            if verdict.outcome is Outcome.FAIL:
                raise verdict.error(verdict.reason)
        except PgStreamError as error:
            if self._reached and is_transient(error):
                self._tell(f"waiting for the server to come back: {error}")
                return PokeReturnValue(is_done=False)
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        self._reached = True
        if verdict.outcome is Outcome.WAIT:
            self._tell(verdict.reason)
            return PokeReturnValue(is_done=False)
        self._succeed(context, verdict.reason, result)
        return PokeReturnValue(is_done=True, xcom_value=result)

    def execute(self, context: Context) -> Any:
        """Wait, on the worker or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        polled = self.poke(context)
        if polled.is_done:
            return polled.xcom_value
        self.defer(
            trigger=self.make_trigger(),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )
        return None  # never: defer() raises

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Return what the trigger saw, or raise what it says."""
        ended = read(event)
        ended.raise_errors()
        results = dict(ended.results)
        self._succeed(context, ended.message, results)
        return results

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self.log.info("%s", reason)
            self._told = reason

    def _succeed(self, context: Context, warning: str, result: dict[str, Any]) -> None:
        if warning:
            self.log.warning("%s", warning)
        self.emit(context, result)

    def emit(self, context: Context, result: dict[str, Any]) -> None:
        """Emit asset events when the wait is over, where it is for something that has assets."""


def _refuse_no_interval(poke_interval: timedelta | float) -> None:
    seconds = poke_interval.total_seconds() if isinstance(poke_interval, timedelta) else poke_interval
    if isinstance(seconds, (int, float)) and seconds <= 0:
        raise InvalidStreamTable(
            f"poke_interval={poke_interval!r} would poll without a pause: give seconds, more than 0"
        )
