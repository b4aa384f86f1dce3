"""Telling the engine about a source from a DAG: before and behind a load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.operators._source import SourceOperator


class PgStreamGateSourceOperator(SourceOperator):
    """
    Keep the engine's scheduler from refreshing what reads a table, while it is being loaded.

    Make it the setup of the load, and :class:`PgStreamUngateSourceOperator` its teardown, which runs though
    the load failed. Refreshes from Airflow and dbt are not kept.
    """

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's
        """Close the gate."""
        self.hook.gate_source(self.source)


class PgStreamUngateSourceOperator(SourceOperator):
    """Let the engine's scheduler refresh what reads a table again; one that is not kept is left alone."""

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's
        """Open the gate."""
        self.hook.ungate_source(self.source)


class PgStreamAdvanceWatermarkOperator(SourceOperator):
    """
    Say up to which moment a table has been loaded; the engine compares the tables of a watermark group.

    :param watermark: the moment, in ISO 8601 with an offset; never before the last one (templated).
    """

    template_fields: Sequence[str] = (*SourceOperator.template_fields, "watermark")

    def __init__(self, *, watermark: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.watermark = watermark

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's
        """Advance it."""
        try:
            moment = datetime.fromisoformat(self.watermark)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise InvalidStreamTable(
                f"watermark={self.watermark!r} is no moment: give ISO 8601 with an offset, such as "
                "'2026-01-31T12:00:00+00:00'"
            )
        self.hook.advance_watermark(self.source, moment)
