"""Wait until a stream table has been filled."""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_pgstream._arguments import one_of
from airflow_provider_pgstream._stream_tables.conditions import Populated
from airflow_provider_pgstream.sensors._stream_tables import StreamTableSensor


class PgStreamPopulatedSensor(StreamTableSensor):
    """
    Waits until a stream table, or each of a list, is populated.

    It fails at once if one does not exist, or is not populated and is paused, in ERROR, or unattended: then
    nothing will populate it by itself.

    :param on_unattended: ``"fail"``, or ``"wait"`` where another process populates the table. A table that is
        paused or in ERROR fails either way.
    :raises InvalidStreamTable: if ``on_unattended`` is neither.
    """

    def __init__(self, *, on_unattended: Literal["fail", "wait"] = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_unattended = one_of("on_unattended", on_unattended, ("fail", "wait"))

    @property
    def condition(self) -> Populated:
        """That the table is populated."""
        return Populated(self.on_unattended)
