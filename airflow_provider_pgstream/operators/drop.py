"""Dropping stream tables from a DAG."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream.operators.base import PgStreamOperator
from airflow_provider_pgstream.operators.one_by_one import one_by_one
from airflow_provider_pgstream.refresh_plan import raise_together


class PgStreamDropOperator(PgStreamOperator):
    """
    Drop stream tables; in a list, those that read others go first.

    :param if_exists: skip those that do not exist, instead of failing.
    :param cascade: drop the views and stream tables that read them, too; otherwise these are named and
        nothing is dropped.
    """

    def __init__(self, *, if_exists: bool = True, cascade: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists
        self.cascade = cascade

    def execute(self, context: Context) -> dict[str, Any]:
        """Drop each in a transaction of its own."""
        names = self.hook.in_dependency_order(self._names())[::-1]
        report = one_by_one(names, lambda name: self.hook.drop(name, self.if_exists, self.cascade))
        results = self._done(context, report.to_json())
        raise_together(report.errors)
        return results
