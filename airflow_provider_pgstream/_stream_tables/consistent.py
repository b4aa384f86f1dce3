"""
Several stream tables as of one moment.

One session takes a boundary for the sources of all of them and exports its snapshot; each table is refreshed
at that snapshot in a session of its own. What reads those tables follows in a next step: it shows the same
moment as long as nobody else has refreshed what it reads, which is checked at its own boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from airflow_provider_pgstream._engines import boundaries, statements, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import busy, translate
from airflow_provider_pgstream._engines.programs import Gather, Pause, Program, Run, Sleep
from airflow_provider_pgstream._engines.transactions import roll_back
from airflow_provider_pgstream._stream_tables import boundary
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream._stream_tables.boundary import Boundary, Busy, Denied
from airflow_provider_pgstream._stream_tables.cleaning import clean, demand_clean
from airflow_provider_pgstream._stream_tables.hazards import is_scheduled
from airflow_provider_pgstream._stream_tables.holders import Holders, locked_out
from airflow_provider_pgstream._stream_tables.lookup import fetch, in_dependency_order, upstream_of
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.patience import SKIPPED_AS_BUSY, Patience
from airflow_provider_pgstream._stream_tables.refresh import BEGIN_SESSION, CHANGED
from airflow_provider_pgstream._stream_tables.refresh_at import (
    Refreshed,
    mark_of,
    readable_sources,
    refresh_at,
    written_sources,
)
from airflow_provider_pgstream._stream_tables.report import Report
from airflow_provider_pgstream.exceptions import (
    InvalidStreamTable,
    PgStreamError,
    RefreshInProgress,
    SourceLocked,
    StreamTableFailed,
)
from airflow_provider_pgstream.models import RefreshResult, Source, StreamTable

ROUNDS = 10
"""How often the tables are refreshed again because another session refreshed or altered one meanwhile."""


def refresh_together(
    names: Sequence[str], options: RefreshOptions, installation: Installation
) -> Program[Report]:
    """
    Refresh stream tables so that all of them show one moment.

    :raises InvalidStreamTable: before anything is refreshed, if that cannot be had.
    """
    tables = yield from fetch(installation.engine)
    layers = layers_of(names, tables, options)
    refuse_scheduled([table for layer in layers for table in layer], installation.engine)
    patience = Patience(options.busy_timeout)
    rounds = 0
    while rounds < ROUNDS:
        together = _Together(options, installation)
        if (yield from together.refresh(layers)):
            return together.report
        if together.busy is None:
            rounds += 1
            continue
        if options.on_busy == "fail" or patience.is_over:
            raise together.busy
        yield Pause(patience.pause())
    raise StreamTableFailed(
        f"{', '.join(names)} were not refreshed as of one moment: in each of {ROUNDS} rounds another session "
        "refreshed or altered one of them; keep others from refreshing them, or leave out consistent=True"
    )


def layers_of(
    names: Sequence[str], tables: Mapping[str, StreamTable], options: RefreshOptions
) -> list[list[StreamTable]]:
    """
    Return the tables in layers: each reads what lies in the ones before.

    :raises InvalidStreamTable: if they cannot show one moment.
    """
    ordered = in_dependency_order(names, tables, include_upstream=options.include_upstream)
    if unknown := [name for name in ordered if name not in tables]:
        raise InvalidStreamTable(
            f"stream table {unknown[0]} does not exist: create it first, or check its name"
        )
    depth: dict[str, int] = {}
    for name in ordered:
        table = tables[name]
        _refuse_other_moments(table, ordered, tables)
        depth[name] = 1 + max((depth[read] for read in table.upstream if read in depth), default=-1)
    return [[tables[n] for n in ordered if depth[n] == level] for level in range(max(depth.values()) + 1)]


def _refuse_other_moments(
    table: StreamTable, ordered: Sequence[str], tables: Mapping[str, StreamTable]
) -> None:
    if not table.upstream:
        return
    known = (words.SOURCE_STREAM_TABLE, words.SOURCE_VIEW)
    others = [source.name for source in table.sources if source.kind not in known]
    if others:
        raise InvalidStreamTable(
            f"stream table {table.name} reads {', '.join(map(str, others))} beside stream table "
            f"{table.upstream[0]}: the two cannot be seen as of one moment. Leave it out of the list, or let "
            "it read stream tables only"
        )
    if outside := sorted(upstream_of(table.name, tables) - set(ordered)):
        raise InvalidStreamTable(
            f"stream table {table.name} reads {', '.join(outside)}, which is not in the list: add it, or set "
            "include_upstream=True"
        )


def refuse_scheduled(tables: Sequence[StreamTable], engine: Engine) -> None:
    """
    Refuse stream tables that others refresh while they are to show one moment.

    :raises InvalidStreamTable: naming them.
    """
    if engine.keeps_positions:
        raise InvalidStreamTable(
            f"consistent=True is not possible on this {engine.extension}, which keeps to itself up to "
            "where a stream table has read its sources: leave it out"
        )
    for table in tables:
        if table.refresh_mode == words.IMMEDIATE or is_scheduled(table, engine):
            raise InvalidStreamTable(
                f"stream table {table.name} cannot be refreshed with consistent=True: "
                f"{'its writers keep' if table.refresh_mode == words.IMMEDIATE else 'the scheduler keeps'} "
                "it at "
                "another moment. Create it with schedule=None, if_exists='replace', or leave it out of the "
                "list"
            )


class _Together:
    """One round."""

    def __init__(self, options: RefreshOptions, installation: Installation) -> None:
        self.options = options
        self.installation = installation
        self.report = Report()
        self.marks: dict[str, Any] = {}
        self.busy: RefreshInProgress | None = None

    @property
    def engine(self) -> Engine:
        return self.installation.engine

    def refresh(self, layers: Sequence[Sequence[StreamTable]]) -> Program[bool]:
        """Refresh layer after layer; return False if somebody else interfered."""
        for layer in layers:
            tables = [table for table in layer if not self._left_out(table)]
            try:
                if tables and not (yield from self._refresh_layer(tables)):
                    return False
            except CHANGED:
                yield from roll_back()
                return False
            except Denied as denied:
                yield from roll_back()
                self._note_failure(tables, denied.error, locking=denied.source.name)
            except (psycopg.Error, PgStreamError) as error:
                yield from roll_back()
                self._note_failure(tables, error)
        return True

    def _refresh_layer(self, tables: Sequence[StreamTable]) -> Program[bool]:
        # A session for each layer: that of the last one may have been lost, and what was refreshed stays.
        yield Pause()
        yield Run(BEGIN_SESSION)
        at = yield from self._take_boundary(tables)
        if not (yield from self._undisturbed()):
            yield Run(statements.ROLLBACK)
            return False
        snapshot = (yield Run(statements.EXPORT_SNAPSHOT)).rows[0]["snapshot"]
        programs = [self._one(table, at, snapshot) for table in tables]
        reply = yield Gather(programs, limit=self.options.max_parallel or len(programs))
        return self._note(tables, reply.outcomes)

    def _note_failure(
        self, tables: Sequence[StreamTable], error: psycopg.Error | PgStreamError, locking: str | None = None
    ) -> None:
        """Note why a whole layer was not refreshed."""
        for table in tables:
            if isinstance(error, SourceLocked) and self.options.on_locked == "skip":
                self.report.results[table.name] = RefreshResult("skipped", reason=str(error))
            elif isinstance(error, PgStreamError):
                self.report.errors[table.name] = error
            else:
                self.report.errors[table.name] = translate(
                    error, self.installation, stream_table=table.name, locking=locking
                )

    def _left_out(self, table: StreamTable) -> bool:
        failed = [name for name in table.upstream if name in self.report.errors or self._was_left_out(name)]
        if failed:
            reason = f"left out: it reads {', '.join(failed)}, which was not refreshed"
            self.report.results[table.name] = RefreshResult("skipped", reason=reason)
        return bool(failed)

    def _was_left_out(self, name: str) -> bool:
        result = self.report.results.get(name)
        return result is not None and result.outcome == "skipped"

    def _take_boundary(self, tables: Sequence[StreamTable]) -> Program[Boundary]:
        readable = _distinct(source for table in tables for source in readable_sources(table))
        written = _distinct(source for table in tables for source in written_sources(table))
        for table in tables:
            if written_sources(table):
                yield Run(boundaries.keep_changes(self.engine), {"pgs_id": table.pgs_id})
        settings = (yield Run(statements.DEADLOCK_TIMEOUT)).rows[0]
        attempts = Attempts(self.options.lock_timeout, settings["deadlock_timeout"])
        first: list[Source] = []
        while True:
            try:
                yield from clean(written, self.engine, attempts.length)
                ordered = sorted(written, key=lambda source: (source not in first, source.oid))
                at = yield from boundary.take(readable, ordered, self.engine, attempts)
                yield from demand_clean(written, self.engine)
            except Busy as blocked:
                yield Run(statements.ROLLBACK)
                first = [blocked.source]
                holders = yield from Holders.of(blocked.source, None)
                if attempts.is_last:
                    raise locked_out("the stream tables were", blocked.source, holders) from None
                yield Sleep(attempts.failed(autovacuum=holders.only_autovacuum))
            else:
                return at

    def _undisturbed(self) -> Program[bool]:
        """Tell whether nobody else has refreshed what earlier layers left."""
        for name, mark in self.marks.items():
            now = yield from mark_of(name, self.engine)
            if now != mark:
                return False
        return True

    def _one(self, table: StreamTable, at: Boundary, snapshot: str) -> Program[Refreshed]:
        """Refresh one table at the snapshot, in a session of its own."""
        try:
            yield Run(BEGIN_SESSION)
            locked = (yield Run(boundaries.lock_refresh(self.engine), {"pgs_id": table.pgs_id})).rows[0]
            if not locked["locked"]:
                if self.options.on_busy == "skip":
                    return Refreshed(SKIPPED_AS_BUSY)
                raise busy(table.name)
            yield Run(f"{statements.BEGIN_BOUNDARY}; set transaction snapshot '{snapshot}'")
            # The session that exported the snapshot may die.
            yield from boundary.keep_readable(readable_sources(table))
            own = at if written_sources(table) else Boundary()
            return (yield from refresh_at(table, own, self.options, self.engine, self.options.lock_timeout))
        except CHANGED:
            yield from roll_back()
            raise
        except Busy as blocked:
            yield from roll_back()
            holders = yield from Holders.of(blocked.source, table.storage_oid)
            error = locked_out(f"stream table {table.name} was", blocked.source, holders)
            if self.options.on_locked == "fail":
                raise error from None
            return Refreshed(RefreshResult("skipped", reason=str(error)))
        except Denied as denied:
            yield from roll_back()
            raise translate(
                denied.error, self.installation, stream_table=table.name, locking=denied.source.name
            ) from None
        except psycopg.Error as error:
            yield from roll_back()
            raise translate(error, self.installation, stream_table=table.name) from None

    def _note(self, tables: Sequence[StreamTable], outcomes: Sequence[Any]) -> bool:
        """Note what became of a layer; return False if somebody else interfered."""
        for table, outcome in zip(tables, outcomes, strict=True):
            if isinstance(outcome, RefreshInProgress):
                self.busy = outcome
            if isinstance(outcome, (*CHANGED, RefreshInProgress)):
                return False
            if isinstance(outcome, PgStreamError):
                self.report.errors[table.name] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                self.report.results[table.name] = outcome.result
                if outcome.mark is not None:
                    self.marks[table.name] = outcome.mark
        return True


def _distinct(sources: Iterable[Source]) -> list[Source]:
    """Return each source once, in the one order in which everybody locks them."""
    return [source for _, source in sorted({source.oid: source for source in sources}.items())]
