"""
What a comparison proves.

Equal as it is: readers see the right rows. Different as it is: they do not, if no change is pending. Else the
table is refreshed in trial: if that took the changes in, what still differs is wrong. If it recomputed the
table, nothing is known of the rows that readers see, and their difference may be lag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import psycopg
from psycopg import sql

from airflow_provider_pgstream._engines import boundaries, statements, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.errors import translate
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables import comparison
from airflow_provider_pgstream._stream_tables.attempts import Attempts
from airflow_provider_pgstream._stream_tables.boundary import Boundary
from airflow_provider_pgstream._stream_tables.hazards import Way, way_to_refresh
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.trial import UNDO, Trial, trial_refresh
from airflow_provider_pgstream.exceptions import (
    CaptureBroken,
    PgStreamError,
    RefreshInProgress,
    SourceLocked,
    StreamTableFailed,
)
from airflow_provider_pgstream.models import AFTER_REFRESH, StreamTable, Verification

_SERIALIZATION_FAILURE, _DEADLOCK = "40001", "40P01"
_MEANWHILE = frozenset({_SERIALIZATION_FAILURE, _DEADLOCK})


def altered_meanwhile(name: str) -> StreamTableFailed:
    """Return the error for a stream table that is no longer what was locked; it is transient."""
    error = StreamTableFailed(f"stream table {name} was altered while it was to be verified: run it again")
    error.sqlstate = _SERIALIZATION_FAILURE
    return error


def is_transient(error: PgStreamError) -> bool:
    """Tell whether an error came from what others did to the stream table, and will not come again."""
    return isinstance(error, RefreshInProgress) or error.sqlstate in _MEANWHILE


@dataclass(frozen=True)
class Evidence:
    """
    One stream table in the snapshot that is open, and what is known of it.

    :param pending: whether changes wait that it has not read; None if that is unknown.
    :param way: how a refresh of it would go.
    :param statement: the comparison.
    :param parameters: of the comparison.
    :param attempts: at the lock that a trial refresh needs.
    """

    table: StreamTable
    pending: bool | None
    way: Way
    statement: sql.Composed
    parameters: Mapping[str, Any]
    warnings: tuple[str, ...]
    attempts: Attempts
    installation: Installation

    @classmethod
    def of(
        cls,
        table: StreamTable,
        pending: bool | None,
        parameters: Mapping[str, Any],
        attempts: Attempts,
        installation: Installation,
    ) -> Program[Self]:
        """
        Find out what there is to know of a stream table.

        :raises StreamTableFailed: if its query reads what its engine does not capture.
        :raises InsufficientPrivilege: if the role sees some rows of a source only.
        """
        engine = installation.engine
        warnings = list(table.concerns)
        at = Boundary(position=(yield Run(boundaries.position(engine))).rows[0]["position"])
        try:
            way = yield from way_to_refresh(table, RefreshOptions(), at, engine)
        except CaptureBroken as error:
            # What was lost is what a comparison finds.
            warnings.append(str(error))
            way = Way(full=False)
        if not way.tells_of_changes and table.refresh_mode == words.DIFFERENTIAL:
            pending = None
        warnings += yield from comparison.warnings(table)
        rows = (yield Run(comparison.columns(engine), {"oid": table.storage_oid})).rows
        columns = tuple(map(comparison.Column.from_row, rows))
        statement = comparison.Comparison(table, columns).statement()
        return cls(table, pending, way, statement, parameters, tuple(warnings), attempts, installation)

    def verification(self) -> Program[Verification]:
        """Compare what readers see, and where that proves nothing, compare after a trial refresh, too."""
        if self._shows_changes:
            return (yield from self._after_changes())
        as_is = yield from self._compare()
        if as_is.equal or self.pending is False:
            return as_is
        if self.table.is_paused:
            return self._lag(as_is, "it is SUSPENDED (paused), so it was not refreshed in trial")
        after = yield from self._after_trial()
        return self._lag(as_is, after) if isinstance(after, str) else self._of_both(as_is, after)

    @property
    def _shows_changes(self) -> bool:
        """Whether a trial refresh most likely takes in what is pending, and keeps the other rows."""
        return bool(self.pending) and not (self.way.full or self.table.is_paused)

    def _after_changes(self) -> Program[Verification]:
        try:
            trial = yield from self._trial()
        except SourceLocked as error:
            return self._lag((yield from self._compare()), str(error))
        after = yield from self._compare_after(trial)
        if not trial.recomputed:
            return after
        yield Run(UNDO)
        return self._of_both((yield from self._compare()), after)

    def _after_trial(self) -> Program[Verification | str]:
        """Compare after a refresh that most likely recomputes; return why not, if others are in the way."""
        try:
            return (yield from self._compare_after((yield from self._trial())))
        except SourceLocked as error:
            return str(error)
        except psycopg.Error as error:
            ours = translate(error, self.installation, stream_table=self.table.name)
            if not is_transient(ours):
                raise ours from None
            # Not again from the beginning: that comparison took its time, and would meet the next refresh.
            yield Run(UNDO)
            return str(ours)

    def _trial(self) -> Program[Trial]:
        return trial_refresh(self.table, self.way, self.installation.engine, self.attempts)

    def _compare_after(self, trial: Trial) -> Program[Verification]:
        yield Run(statements.set_lock_timeout(self.attempts.timeout))
        return replace((yield from self._compare()), compared=AFTER_REFRESH, action=trial.action)

    def _compare(self) -> Program[Verification]:
        row = (yield Run(self.statement, self.parameters)).rows[0]
        return Verification(
            self.table.name,
            missing=int(row["missing"]),
            surplus=int(row["surplus"]),
            missing_examples=tuple(row["missing_examples"]),
            surplus_examples=tuple(row["surplus_examples"]),
            warnings=self.warnings,
        )

    def _of_both(self, as_is: Verification, after: Verification) -> Verification:
        """Return what is proved by the comparisons before and after a refresh that recomputed the table."""
        if as_is.equal:
            return replace(as_is, action=after.action)
        if not after.equal:
            return after
        found = self._lag(as_is, "a trial refresh recomputed it, and made it equal")
        return replace(found, action=after.action)

    def _lag(self, as_is: Verification, reason: str) -> Verification:
        """Return the comparison of what readers see, which differs perhaps because changes are pending."""
        if as_is.equal:
            return as_is
        pending = "changes are pending" if self.pending else "it is not known whether changes are pending"
        sentence = (
            f"stream table {self.table.name} differs from its query, as its readers see it: "
            f"{as_is.missing} rows are missing, {as_is.surplus} are too many. This may be lag: "
            f"{pending}; {reason}"
        )
        return replace(as_is, may_be_lag=True, warnings=(sentence, *self.warnings))
