"""Wait until a stream table has a status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._stream_tables.conditions import InStatus
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.sensors._stream_tables import StreamTableSensor


class PgStreamStatusSensor(StreamTableSensor):
    """
    Waits until a stream table, or each of a list, has a status.

    It fails at once if one does not exist, or is in ERROR while another status is waited for.

    :param target_status: ``ACTIVE``, ``SUSPENDED`` (or ``PAUSED``, which means the same), ``INITIALIZING`` or
        ``ERROR``, in any case.
    """

    template_fields: Sequence[str] = (*StreamTableSensor.template_fields, "target_status")

    def __init__(self, *, target_status: str = words.ACTIVE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_status = target_status

    @property
    def condition(self) -> InStatus:
        """That the table has the status."""
        try:
            return InStatus(words.status_word(self.target_status))
        except ValueError as error:
            raise InvalidStreamTable(f"target_status of sensor {self.task_id}: {error}") from None
