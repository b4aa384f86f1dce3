"""Wait until a stream table's data is fresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_pgstream._stream_tables.conditions import Fresh
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.sensors._stream_tables import StreamTableSensor


class PgStreamFreshnessSensor(StreamTableSensor):
    """
    Waits until the data of a stream table, or of each of a list, is fresh.

    Fresh is what the engine's ``data_timestamp`` says: the moment as of which the data is right. If both
    ``max_staleness`` and ``fresh_as_of`` are given, both must hold.

    It fails at once if a table does not exist, is unpopulated and unattended, is paused or in ERROR and not
    fresh, or is older than ``error_staleness``.

    :param max_staleness: how old the data may be, in seconds or as a ``timedelta``.
    :param fresh_as_of: the moment as of which the data must be right at least: a ``datetime`` or
        ISO 8601, such as ``"{{ data_interval_end }}"``; without an offset it is UTC.
    :param error_staleness: the age at which to give up, in seconds or as a ``timedelta``.
    :raises InvalidStreamTable: if neither ``max_staleness`` nor ``fresh_as_of`` is given.
    """

    template_fields: Sequence[str] = (
        *StreamTableSensor.template_fields,
        "max_staleness",
        "fresh_as_of",
        "error_staleness",
    )

    def __init__(
        self,
        *,
        max_staleness: timedelta | float | str | None = None,
        fresh_as_of: datetime | str | None = None,
        error_staleness: timedelta | float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_staleness is None and fresh_as_of is None:
            raise InvalidStreamTable("PgStreamFreshnessSensor needs max_staleness, fresh_as_of, or both")
        self.max_staleness = max_staleness
        self.fresh_as_of = fresh_as_of
        self.error_staleness = error_staleness

    @property
    def condition(self) -> Fresh:
        """That the data is that fresh."""
        return Fresh(
            max_staleness=_seconds("max_staleness", self.max_staleness),
            fresh_as_of=_moment(self.fresh_as_of),
            error_staleness=_seconds("error_staleness", self.error_staleness),
        )


def _seconds(argument: str, value: timedelta | float | str | None) -> float | None:
    """Return a duration in seconds; a rendered template is text."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InvalidStreamTable(f"{argument} must be a number of seconds, not negative, not {value!r}")
    return seconds


def _moment(value: datetime | str | None) -> str | None:
    """Return a moment in ISO 8601 with an offset."""
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    except ValueError:
        raise InvalidStreamTable(
            f"fresh_as_of must be a moment in ISO 8601, such as 2026-01-31T12:00:00+00:00, not {value!r}"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
