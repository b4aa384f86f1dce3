"""Dropping stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream._arguments import boolean, is_template
from airflow_provider_pgstream._stream_tables.report import one_by_one
from airflow_provider_pgstream.operators._base import PgStreamOperator


class PgStreamDropOperator(PgStreamOperator):
    """
    Drop stream tables; in a list, those that read others go first.

    :param if_exists: skip those that do not exist, instead of failing (templated).
    :param cascade: drop the views and stream tables that read them, too; otherwise these are named and
        nothing is dropped (templated).
    """

    template_fields: Sequence[str] = (*PgStreamOperator.template_fields, "if_exists", "cascade")

    def __init__(self, *, if_exists: bool = True, cascade: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists if is_template(if_exists) else boolean("if_exists", if_exists)
        self.cascade = cascade if is_template(cascade) else boolean("cascade", cascade)

    def execute(self, context: Context) -> dict[str, Any]:
        """Drop each in a transaction of its own."""
        if_exists, cascade = boolean("if_exists", self.if_exists), boolean("cascade", self.cascade)
        names = self.hook.in_dependency_order(self._names())[::-1]
        report = one_by_one(names, lambda name: self.hook.drop(name, if_exists, cascade))
        results = self._done(context, report.to_json())
        report.raise_errors()
        return results
