"""Comparing stream tables with their queries from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream.exceptions import InvalidStreamTable, PgStreamError, StreamTableDiffers
from airflow_provider_pgstream.models import Verification
from airflow_provider_pgstream.operators.base import PgStreamOperator
from airflow_provider_pgstream.refresh_plan import RefreshPlan, raise_together

ON_DIFFERENCE = ("fail", "repair", "warn")


class PgStreamVerifyOperator(PgStreamOperator):
    """
    Find rows in which stream tables differ from what their queries return.

    Each is refreshed and compared in one snapshot that is rolled back: nothing is changed, no lag is taken
    for a difference, and nobody is kept from writing.

    Returns ``{"schema.table": {"outcome": "verified", …}}``.

    :param on_difference: ``fail``; ``repair`` by a full refresh and compare again; or ``warn`` in the log.
    :param limit: how many example rows to show, of each kind.
    :param float_tolerance: relative difference up to which floats are equal.
    :param lock_timeout: seconds to try for the locks of a repair.
    """

    _emits = True

    def __init__(
        self,
        *,
        on_difference: str = "fail",
        limit: int = 10,
        float_tolerance: float = 1e-9,
        lock_timeout: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_difference not in ON_DIFFERENCE:
            raise InvalidStreamTable(
                f"on_difference={on_difference!r} is not known: give one of {', '.join(ON_DIFFERENCE)}"
            )
        self.on_difference = on_difference
        self.limit = limit
        self.float_tolerance = float_tolerance
        self.lock_timeout = lock_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Verify each in a session of its own, in dependency order."""
        results: dict[str, dict[str, Any]] = {}
        errors: dict[str, PgStreamError] = {}
        for name in self.hook.in_dependency_order(self._names()):
            try:
                results[name] = self._verify(name)
            except PgStreamError as error:
                errors[name] = error
        results = self._done(context, results)
        raise_together(errors)
        return results

    def _verify(self, name: str) -> dict[str, Any]:
        found = self._compare(name)
        if found.equal:
            return _result(found, "verified")
        if self.on_difference == "warn":
            self.log.warning("%s", _difference(found))
            return _result(found, "different")
        if self.on_difference == "fail":
            raise StreamTableDiffers(f"{_difference(found)}; {_way_out(name)}")
        self.log.warning("%s: repairing it by a full refresh", _difference(found))
        report = self.hook.refresh_all(RefreshPlan([name], full=True, lock_timeout=self.lock_timeout))
        raise_together(report.errors)
        again = self._compare(name)
        if not again.equal:
            raise StreamTableDiffers(f"{_difference(again)}, after a full refresh; its query may be unsteady")
        return _result(found, "repaired")

    def _compare(self, name: str) -> Verification:
        found = self.hook.verify(name, limit=self.limit, float_tolerance=self.float_tolerance)
        for warning in found.warnings:
            self.log.warning("%s", warning)
        return found


def _result(found: Verification, outcome: str) -> dict[str, Any]:
    """Return the result of one comparison; for a repaired table, of the one before."""
    values = found.to_json()
    del values["name"]
    return {"outcome": outcome, "action": None, "reason": None, **values}


def _difference(found: Verification) -> str:
    lag = "" if found.refreshed else " (it is paused, so this may be lag)"
    return (
        f"stream table {found.name} differs from its query{lag}: "
        f"{found.missing} rows are missing{_such_as(found.missing_examples)}, "
        f"{found.surplus} are too many{_such_as(found.surplus_examples)}"
    )


def _such_as(examples: Sequence[str]) -> str:
    return f", such as {' '.join(examples)}" if examples else ""


def _way_out(name: str) -> str:
    return (
        f"repair it with PgStreamRefreshOperator(stream_table='{name}', full=True), or on_difference='repair'"
    )
