"""Whether a stream table's schedule has come, by the database's clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._stream_tables import schedules
from airflow_provider_pgstream._stream_tables.lookup import upstream_of
from airflow_provider_pgstream.models import StreamTable

_WITHOUT_TIME = (None, words.CALCULATED)


def not_yet(table: StreamTable) -> str | None:
    """Return why a stream table need not be refreshed now; None if it is due, or was never populated."""
    if table.schedule in _WITHOUT_TIME:
        return "it has no schedule that could be due"
    if not table.is_populated or table.data_timestamp is None:
        return None
    due = schedules.next_time(str(table.schedule), table.data_timestamp)
    if due is None or due <= table.seen_at:
        return None
    return f"it is due at {due.isoformat(timespec='seconds')}"


def drawn_along(names: Iterable[str], tables: Mapping[str, StreamTable]) -> set[str]:
    """Return the stream tables without a schedule that one of some names reads which is due."""
    due = [name for name in names if name in tables and not_yet(tables[name]) is None]
    read = {upstream for name in due for upstream in upstream_of(name, tables)}
    return {name for name in read if name in tables and tables[name].schedule in _WITHOUT_TIME}
