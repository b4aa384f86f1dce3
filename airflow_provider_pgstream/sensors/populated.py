"""Wait until a stream table has been filled."""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_pgstream.conditions import Populated
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.sensors.base import StreamTableSensor


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
        if on_unattended not in ("fail", "wait"):
            raise InvalidStreamTable(f"on_unattended={on_unattended!r} is not known: give one of fail, wait")
        self.on_unattended = on_unattended

    @property
    def condition(self) -> Populated:
        """That the table is populated."""
        return Populated(self.on_unattended)
