"""Refreshing stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import Context, conf

from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.operators.base import PgStreamOperator
from airflow_provider_pgstream.refresh_plan import RefreshPlan, errors_of_event, raise_together


class PgStreamRefreshOperator(PgStreamOperator):
    """
    Refresh stream tables safely, one transaction each, in dependency order.

    Each refresh waits for the transactions that are writing to the table's sources and keeps new ones out
    while it runs; without that the engine loses rows. When one fails, those that read it are left out, the
    others go on, and the task fails at the end naming all that did.

    Returns ``{"schema.table": {"outcome": "refreshed", …}}``.

    :param when: ``always``; only if ``unpopulated``; or only if ``unattended``: nothing else refreshes it.
    :param full: refresh DIFFERENTIAL tables in FULL mode, once: this repairs wrong rows.
    :param include_upstream: refresh the stream tables that these read, before them.
    :param lock_sources: lock the sources of DIFFERENTIAL tables. Without it rows can be lost.
    :param lock_timeout: seconds to try for those locks.
    :param on_busy: while another session refreshes it: ``wait``, holding nothing, ``skip`` it, or ``fail``.
    :param busy_timeout: seconds to wait so.
    :param on_suspended: what to do with a paused one: ``fail``, ``skip`` it, or ``resume`` it.
    :param deferrable: run it in the triggerer.
    """

    _emits = True

    def __init__(
        self,
        *,
        when: str = "always",
        full: bool = False,
        include_upstream: bool = False,
        lock_sources: bool = True,
        lock_timeout: float = 10.0,
        on_busy: str = "wait",
        busy_timeout: float = 600.0,
        on_suspended: str = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.when = when
        self.full = full
        self.include_upstream = include_upstream
        self.lock_sources = lock_sources
        self.lock_timeout = lock_timeout
        self.on_busy = on_busy
        self.busy_timeout = busy_timeout
        self.on_suspended = on_suspended
        self.deferrable = deferrable
        self._plan([])  # refuses unknown words while the DAG is parsed

    def execute(self, context: Context) -> dict[str, Any]:
        """Refresh here, or hand the work to the triggerer."""
        plan = self._plan(self._names())
        if self.deferrable:
            self._defer(plan)
        report = self.hook.refresh_all(plan)
        results = self._done(context, report.to_json())
        raise_together(report.errors)
        return results

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        Take what the trigger did.

        :raises PgStreamError: what went wrong there, or if the event is not one.
        """
        if not event or not {"status", "results", "errors"} <= event.keys():
            raise PgStreamError(
                f"task {self.task_id} was resumed without a result ({event!r}): look into the triggerer's "
                "log, then clear the task"
            )
        results = self._done(context, event["results"])
        raise_together(errors_of_event(event))
        return results

    def _defer(self, plan: RefreshPlan) -> None:
        from airflow_provider_pgstream.triggers.refresh import PgStreamRefreshOperationTrigger

        self.hook.announce()
        self.defer(
            trigger=PgStreamRefreshOperationTrigger(
                postgres_conn_id=self.postgres_conn_id,
                hook_params=dict(self.hook_params or {}),
                plan=plan.to_json(),
            ),
            method_name="execute_complete",
            timeout=self.execution_timeout,
        )

    def _plan(self, names: list[str]) -> RefreshPlan:
        return RefreshPlan(
            names,
            when=self.when,
            full=self.full,
            include_upstream=self.include_upstream,
            lock_sources=self.lock_sources,
            lock_timeout=self.lock_timeout,
            on_busy=self.on_busy,
            busy_timeout=self.busy_timeout,
            on_suspended=self.on_suspended,
        )
