"""Wait until the capture of changes is sound and keeps up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow_provider_pgstream._stream_tables import capture
from airflow_provider_pgstream._stream_tables.conditions import Outcome, Verdict
from airflow_provider_pgstream.exceptions import CaptureBroken, InvalidStreamTable
from airflow_provider_pgstream.sensors._stream_tables import StreamTableSensor
from airflow_provider_pgstream.triggers._waiting import WaitingTrigger
from airflow_provider_pgstream.triggers.capture import CaptureTrigger


class PgStreamCdcHealthSensor(StreamTableSensor):
    """
    Waits until the changes of all sources are captured, and none of them lags.

    It fails at once if a change trigger is missing or disabled, a source is gone or was recreated, a
    replication slot is missing, or the scheduler of this database is dead or moves nothing: then it names the
    stream table whose refresh fails, which it finds by trial refreshes that are rolled back.

    It also fails if a subscription writes a source whose change trigger it does not fire, and warns of what
    can let changes by: see :meth:`PgStreamHook.diagnose`.

    :param stream_table: the stream tables whose sources count; left out, all sources of the database do.
    :param max_lag_bytes: WAL that may wait to be decoded; left out, the engine's own alert (1 GiB) decides.
    """

    template_fields: Sequence[str] = (*StreamTableSensor.template_fields, "max_lag_bytes")

    def __init__(
        self,
        *,
        stream_table: str | Sequence[str] | None = None,
        max_lag_bytes: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        # Sound capture is no news of any data.
        super().__init__(stream_table=stream_table, emit_asset=False, **kwargs)
        self.max_lag_bytes = max_lag_bytes

    @cached_property
    def names(self) -> list[str]:
        """The stream tables' qualified names; none for all sources."""
        return [] if self.stream_table is None else self.hook.resolve_all(self.stream_table)

    @property
    def most_bytes(self) -> int | None:
        """The rendered ``max_lag_bytes``."""
        try:
            return None if self.max_lag_bytes is None else int(self.max_lag_bytes)
        except ValueError:
            raise InvalidStreamTable(
                f"max_lag_bytes must be a number of bytes, not {self.max_lag_bytes!r}"
            ) from None

    def poll(self) -> tuple[Verdict, dict[str, Any]]:
        """Poll once, and find out who is at fault if all is lost."""
        seen = self.hook.observe()
        verdict = seen.judge(self.names, self.most_bytes)
        if verdict.outcome is Outcome.FAIL and verdict.error is CaptureBroken:
            raise capture.with_culprits(verdict, self.hook.diagnose())
        return verdict, seen.to_json(self.names)

    def make_trigger(self) -> WaitingTrigger:
        """Return what waits in the triggerer."""
        return CaptureTrigger(self.names, self.most_bytes, **self.trigger_arguments)
