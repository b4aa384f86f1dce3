"""What the operators share whose work can be done in the triggerer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream import _events
from airflow_provider_pgstream.operators._base import PgStreamOperator

if TYPE_CHECKING:
    from airflow_provider_pgstream.triggers._operation import OperationTrigger


class DeferrableOperator(PgStreamOperator):
    """Base of the operators that may hand a plan to a trigger."""

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """
        Take what the trigger did.

        :raises PgStreamError: what went wrong there, or if the event is not one.
        """
        ended = _events.read(event)
        for remark in ended.message.splitlines():
            self.log.warning("%s", remark)
        return self._end(context, ended.results, ended.raise_errors)

    def _end(
        self, context: Context, results: Mapping[str, Mapping[str, Any]], raise_errors: Callable[[], None]
    ) -> dict[str, Any]:
        """Log and return what was done, and raise what went wrong."""
        done = self._done(context, results)
        raise_errors()
        return done

    def _hand_over(self, trigger: type[OperationTrigger], plan: dict[str, Any]) -> None:
        self.hook.announce()
        self.defer(
            trigger=trigger(
                plan=plan,
                postgres_conn_id=self.postgres_conn_id,
                hook_params=dict(self.hook_params or {}),
            ),
            method_name="execute_complete",
            timeout=self.execution_timeout,
        )
