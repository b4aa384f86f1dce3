"""What makes a differential refresh lose rows: it is refused with a sentence, or made a full one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_pgstream._engines import boundaries, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables.boundary import Boundary
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.sources import check_sources, check_views
from airflow_provider_pgstream.exceptions import CaptureBroken, InsufficientPrivilege
from airflow_provider_pgstream.models import StreamTable

REINIT = "a source changed its columns"
DISTRUST = "others refreshed it since, and its rows do not belong to the position that they stored"


@dataclass(frozen=True)
class Way:
    """
    How a stream table has to be refreshed.

    :param full: recomputed, and not by its changes.
    :param reason: why, if nobody asked for it.
    """

    full: bool
    reason: str | None = None

    @property
    def is_reinit(self) -> bool:
        """Whether it is marked for reinitialisation."""
        return self.reason == REINIT

    @property
    def tells_of_changes(self) -> bool:
        """Whether its position tells which changes it has not read, though it may be recomputed."""
        return not self.full or self.reason == DISTRUST


def way_to_refresh(table: StreamTable, options: RefreshOptions, at: Boundary, engine: Engine) -> Program[Way]:
    """
    Return how a stream table has to be refreshed; ask in the transaction that refreshes it.

    :raises StreamTableFailed: if its query reads what is not captured, or a view that was replaced.
    :raises CaptureBroken: if changes of a source were not captured, and it is not recomputed.
    :raises InsufficientPrivilege: if the role sees some rows of a source only.
    """
    yield from check_views(table, engine)
    if table.refresh_mode != words.DIFFERENTIAL:
        return Way(full=True)
    yield from check_sources(table)
    values = {"pgs_id": table.pgs_id, "position": at.position}
    sources = (yield Run(boundaries.hazards(engine), values)).rows
    _refuse_row_security(table, sources)
    reason = _reason_for_full(table, sources, engine)
    if not (options.full or reason):
        _refuse_lost_changes(table, sources, engine)
    return Way(options.full or reason is not None, None if options.full else reason)


def _reason_for_full(table: StreamTable, sources: Sequence[Mapping[str, Any]], engine: Engine) -> str | None:
    if not table.is_populated:
        return "it was not populated"
    if table.needs_reinit and engine.reinit_in_full:
        return REINIT
    if engine.mixed_in_full and table.upstream and sources:
        return "it reads tables and stream tables"
    if is_moved_by_others(table, engine) and [row for row in sources if not row["is_noted"]]:
        return DISTRUST
    if altered := [row["name"] for row in sources if row["is_altered"]]:
        # ALTER COLUMN TYPE … USING changes values, and the engine notes nothing of it.
        return f"columns of {', '.join(altered)} were altered since it was refreshed last"
    if parents := [row["name"] for row in sources if row["has_children"]]:
        return f"{', '.join(parents)} has inheritance children, whose changes are not captured"
    if ahead := [row["name"] for row in sources if row["is_ahead"]]:
        return f"it was refreshed on another server: the changes of {', '.join(ahead)} are unknown"
    return None


def is_scheduled(table: StreamTable, engine: Engine) -> bool:
    """Tell whether the scheduler refreshes a stream table, too, and stores a position of its own."""
    return engine.scheduler_moves_frontier and table.unscheduled is None and table.scheduler_serves


def is_moved_by_others(table: StreamTable, engine: Engine) -> bool:
    """
    Tell whether a position counts only if it is ours, which bears a mark.

    A scheduler may reinitialise a table that it leaves alone otherwise, and store a position before that of
    the rows: what lies between would be counted twice.
    """
    ours = engine.scheduler_moves_frontier and not engine.keeps_positions
    return ours and not is_scheduled(table, engine)


def _refuse_row_security(table: StreamTable, sources: Sequence[Mapping[str, Any]]) -> None:
    if secured := [row["name"] for row in sources if row["has_row_security"]]:
        raise InsufficientPrivilege(
            f"stream table {table.name} is not refreshed: row-level security hides rows of "
            f"{', '.join(secured)} from this role, so it would hold some of the rows only; refresh it as a "
            "role with BYPASSRLS, or as the owner of the source"
        )


def _refuse_lost_changes(table: StreamTable, sources: Sequence[Mapping[str, Any]], engine: Engine) -> None:
    then = "then refresh it with full=True"
    if lost := [row["name"] for row in sources if not row["is_captured"] and row["cdc_mode"] != words.WAL]:
        raise CaptureBroken(
            f"stream table {table.name} is not refreshed: changes of {', '.join(lost)} are not captured, "
            "because the change trigger is missing or disabled; enable it (alter table … enable trigger), or "
            f"recreate the stream table, {then}"
        )
    decoded = [row["name"] for row in sources if row["cdc_mode"] != words.TRIGGER]
    if decoded and engine.loses_in_wal:
        raise CaptureBroken(
            f"stream table {table.name} is not refreshed: changes of {', '.join(decoded)} are captured "
            "from the WAL, and a refresh loses what is not decoded yet; run select "
            f"{engine.schema}.alter_stream_table('{table.name}', cdc_mode => 'trigger'), {then}"
        )
    if unlogged := [row["name"] for row in sources if row["is_unlogged"]]:
        raise CaptureBroken(
            f"stream table {table.name} is not refreshed: the change buffer of {', '.join(unlogged)} is an "
            "unlogged "
            f"table, which a crash of the server empties; set {engine.extension}.unlogged_buffers = off, "
            f"recreate the stream tables on it, {then}"
        )
