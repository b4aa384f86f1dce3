"""Wait until the sources of a watermark group are level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_pgstream._stream_tables.engine_checks import Aligned
from airflow_provider_pgstream.sensors._engine_checks import EngineCheckSensor


class PgStreamWatermarkSensor(EngineCheckSensor):
    """
    Waits until every source of a watermark group has a watermark, and they are aligned: for pg_trickle.

    :param group: the group's name, as the engine's ``create_watermark_group`` was given it (templated).
    :raises InvalidStreamTable: if there is no such group.
    :raises EngineNotSupported: if the engine has no watermarks.
    """

    template_fields: Sequence[str] = (*EngineCheckSensor.template_fields, "group")

    def __init__(self, *, group: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group = group

    @property
    def wanted(self) -> Aligned:
        """That they are aligned."""
        return Aligned(self.group)

    def observe(self) -> Any:
        """Return what the engine says of its groups."""
        return self.hook.watermark_groups()
