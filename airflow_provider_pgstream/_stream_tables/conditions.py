"""What sensors wait for: the one rule that a sensor on a worker and its trigger both ask.

A condition examines a stream table as the catalog had it and answers with a :class:`Verdict`. It touches no
database and keeps nothing. Its fields are JSON, so that it goes to a trigger and comes back the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.errors import not_found
from airflow_provider_pgstream.exceptions import (
    PgStreamError,
    StreamTableFailed,
    StreamTableNotFound,
    StreamTableStale,
    StreamTableSuspended,
    StreamTableUnattended,
)
from airflow_provider_pgstream.models import StreamTable


class Outcome(Enum):
    """Whether a wait is over."""

    DONE = "done"
    WAIT = "wait"
    FAIL = "fail"


@dataclass(frozen=True)
class Verdict:
    """
    What a condition says of one stream table, or of several.

    :param outcome: whether the wait is over.
    :param reason: why it is not; a warning about what was waited for, or empty, when it is.
    :param error: what to raise when it never will be.
    """

    outcome: Outcome
    reason: str = ""
    error: type[PgStreamError] = PgStreamError


class Condition(Protocol):
    """Something to wait for."""

    def judge(self, name: str, table: StreamTable | None) -> Verdict:
        """Say whether the wait for one stream table is over; None stands for one that does not exist."""
        ...


@dataclass(frozen=True)
class Populated:
    """
    The stream table has been filled once.

    :param on_unattended: ``"fail"``, or ``"wait"`` where another process populates the table.
    """

    on_unattended: str = "fail"

    def judge(self, name: str, table: StreamTable | None) -> Verdict:
        """Say whether the table is populated; nothing makes one that is go back."""
        if table is None:
            return _missing(name)
        if table.is_populated:
            return Verdict(Outcome.DONE, _standstill(table))
        if stopped := _stopped(table, f"stream table {name} is not populated"):
            return stopped
        because = table.unattended_because
        if because is None:
            return Verdict(Outcome.WAIT, f"stream table {name} is not populated yet")
        if self.on_unattended == "wait":
            return Verdict(
                Outcome.WAIT, f"stream table {name} waits for another process to populate it: {because}"
            )
        return Verdict(
            Outcome.FAIL,
            f"stream table {name} is not populated, and nothing will populate it by itself: {because}. "
            'Put a PgStreamRefreshOperator(when="unpopulated") upstream, '
            'or set on_unattended="wait" where another process populates it',
            StreamTableUnattended,
        )


@dataclass(frozen=True)
class Fresh:
    """
    The stream table holds data that is young enough, or as of a moment, or both.

    :param max_staleness: seconds that the data may be old by the database's clock.
    :param fresh_as_of: the moment, in ISO 8601 with an offset.
    :param error_staleness: seconds beyond which waiting is given up.
    """

    max_staleness: float | None = None
    fresh_as_of: str | None = None
    error_staleness: float | None = None

    def judge(self, name: str, table: StreamTable | None) -> Verdict:
        """Say whether the data is fresh."""
        if table is None:
            return _missing(name)
        limit, age = self.error_staleness, table.staleness
        if limit is not None and age is not None and age > limit:
            return Verdict(
                Outcome.FAIL,
                f"stream table {name} holds data {age:.0f} s old, more than error_staleness = {limit:g} s. "
                "Find out why it is not refreshed: PgStreamHook.diagnose()",
                StreamTableStale,
            )
        lacking = self._lacking(table)
        if not lacking:
            return Verdict(Outcome.DONE, _standstill(table))
        what = f"stream table {name} {lacking}"
        if stopped := _stopped(table, what):
            return stopped
        because = table.unattended_because
        if because is None:
            return Verdict(Outcome.WAIT, what)
        if table.is_populated:
            return Verdict(Outcome.WAIT, f"{what} and waits for another process to refresh it: {because}")
        return Verdict(
            Outcome.FAIL,
            f"{what}, and nothing will populate it by itself: {because}. "
            "Put a PgStreamRefreshOperator upstream",
            StreamTableUnattended,
        )

    def _lacking(self, table: StreamTable) -> str:
        """Say what keeps the table from being fresh, in words that follow its name; nothing if it is."""
        if not table.is_populated or table.data_timestamp is None or table.staleness is None:
            return "is not populated"
        # No age in these words: a reason is told when it changes, and an age always does.
        as_of = table.data_timestamp.isoformat()
        if self.max_staleness is not None and table.staleness > self.max_staleness:
            return f"holds data as of {as_of}, which is older than max_staleness = {self.max_staleness:g} s"
        if self.fresh_as_of is not None and table.data_timestamp < datetime.fromisoformat(self.fresh_as_of):
            return f"holds data as of {as_of}, which is before fresh_as_of = {self.fresh_as_of}"
        return ""


@dataclass(frozen=True)
class InStatus:
    """
    The stream table has a status.

    :param target_status: the engine's word for it.
    """

    target_status: str = words.ACTIVE

    def judge(self, name: str, table: StreamTable | None) -> Verdict:
        """Say whether the table has the status."""
        if table is None:
            return _missing(name)
        if table.status == self.target_status:
            return Verdict(Outcome.DONE)
        status, target = words.display_status(table.status), words.display_status(self.target_status)
        what = f"stream table {name} is {status}, not {target}"
        if table.status == words.ERROR:
            return Verdict(Outcome.FAIL, f"{what}. {_what_to_do(table)}", StreamTableFailed)
        return Verdict(Outcome.WAIT, what)


def judge_all(condition: Condition, names: Sequence[str], tables: Mapping[str, StreamTable]) -> Verdict:
    """Say whether the wait for all of them is over; one that never will be ends it for all."""
    verdicts = {name: condition.judge(name, tables.get(name)) for name in names}
    by_outcome = {outcome: [v for v in verdicts.values() if v.outcome is outcome] for outcome in Outcome}
    if failed := by_outcome[Outcome.FAIL]:
        return Verdict(Outcome.FAIL, "; ".join(v.reason for v in failed), failed[0].error)
    if waiting := by_outcome[Outcome.WAIT]:
        reasons = "; ".join(v.reason for v in waiting)
        return Verdict(
            Outcome.WAIT,
            f"{len(waiting)} of {len(names)} are missing: {reasons}" if len(names) > 1 else reasons,
        )
    return Verdict(Outcome.DONE, "; ".join(v.reason for v in by_outcome[Outcome.DONE] if v.reason))


def seen(names: Sequence[str], tables: Mapping[str, StreamTable]) -> dict[str, Any]:
    """Return what a sensor returns of the tables that it waited for."""
    return {name: _seen(tables[name]) for name in names}


def _seen(table: StreamTable) -> dict[str, Any]:
    return {
        "status": table.status,
        "refresh_mode": table.refresh_mode,
        "schedule": table.schedule,
        "is_populated": table.is_populated,
        "data_timestamp": _written(table.data_timestamp),
        "last_refresh_at": _written(table.last_refresh_at),
        "staleness": table.staleness,
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


_CONDITIONS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Populated, Fresh, InStatus)}


def to_json(condition: Any) -> dict[str, Any]:
    """Write a condition down."""
    return {"kind": type(condition).__name__, **asdict(condition)}


def from_json(written: Mapping[str, Any]) -> Condition:
    """
    Read a condition back.

    :raises ValueError: if it was not written by :func:`to_json`.
    """
    fields = dict(written)
    kind = _CONDITIONS.get(fields.pop("kind", ""))
    if kind is None:
        raise ValueError(f"not a condition that a sensor waits for: {written!r}")
    condition: Condition = kind(**fields)
    return condition


def _missing(name: str) -> Verdict:
    return Verdict(
        Outcome.FAIL,
        str(not_found(name)),
        StreamTableNotFound,
    )


def _stopped(table: StreamTable, what: str) -> Verdict | None:
    """Fail if the table stands still in a way that does not pass by itself."""
    if table.is_paused:
        return Verdict(
            Outcome.FAIL,
            f"{what} and is {words.display_status(table.status)}. {_what_to_do(table)}",
            StreamTableSuspended,
        )
    if table.status == words.ERROR:
        return Verdict(
            Outcome.FAIL, f"{what} and is in {table.status}. {_what_to_do(table)}", StreamTableFailed
        )
    return None


def _standstill(table: StreamTable) -> str:
    """Warn that a table which is all right now will not stay so."""
    if table.is_paused or table.status == words.ERROR:
        status = words.display_status(table.status)
        return f"stream table {table.name} is {status}: nothing refreshes it any more. {_what_to_do(table)}"
    return ""


def _what_to_do(table: StreamTable) -> str:
    if table.is_paused:
        errors = f" (it was, after {table.consecutive_errors} errors)" if table.consecutive_errors else ""
        return (
            f'Find out why it was paused{errors} and resume it: PgStreamAlterOperator(status="ACTIVE"), '
            'or PgStreamRefreshOperator(on_suspended="resume")'
        )
    return "If a source was dropped, create the stream table again; otherwise refresh it to see its error"
