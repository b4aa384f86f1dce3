"""Refreshing several stream tables: their order, patience with busy ones, what stands behind a failed one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from airflow_provider_pgstream.catalog import check_engine, in_dependency_order, look, resolve, upstream_of
from airflow_provider_pgstream.exceptions import InvalidStreamTable, PgStreamError, RefreshInProgress, by_name
from airflow_provider_pgstream.models import RefreshResult, StreamTable
from airflow_provider_pgstream.program import Pause, Program
from airflow_provider_pgstream.safe_refresh import RefreshOptions, safe_refresh
from airflow_provider_pgstream.translation import Place

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds between two attempts at a busy stream table."""

OnBusy = Literal["wait", "skip", "fail"]
CHOICES = {
    "when": ("always", "unpopulated", "unattended"),
    "on_busy": ("wait", "skip", "fail"),
    "on_suspended": ("fail", "skip", "resume"),
}


@dataclass
class RefreshReport:
    """
    What became of each stream table.

    :param results: name → result, in the order in which they were worked on.
    :param errors: name → error, of those that failed.
    """

    results: dict[str, RefreshResult] = field(default_factory=dict)
    errors: dict[str, PgStreamError] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return name → result as JSON can hold it: what operators return."""
        return {name: result.to_json() for name, result in self.results.items()}

    def raise_errors(self) -> None:
        """Raise one error that names all that failed, if any did."""
        raise_together(self.errors)

    def to_event(self) -> dict[str, Any]:
        """Return the payload of a trigger's event."""
        return {
            "status": "error" if self.errors else "success",
            "results": self.to_json(),
            "errors": [
                {"stream_table": name, "type": type(error).__name__, "message": str(error)}
                for name, error in self.errors.items()
            ],
        }


def raise_together(errors: Mapping[str | None, PgStreamError] | Mapping[str, PgStreamError]) -> None:
    """
    Raise one error that names all that failed, if any did.

    :raises PgStreamError: of the class that all of them share, if they do.
    """
    if not errors:
        return
    first = next(iter(errors.values()))
    if len(errors) == 1:
        raise first
    shared = {type(error) for error in errors.values()}
    kind = shared.pop() if len(shared) == 1 else PgStreamError
    raise kind(f"{len(errors)} stream tables failed: {'; '.join(map(str, errors.values()))}") from first


def errors_of_event(event: Mapping[str, Any]) -> dict[str, PgStreamError]:
    """Return the errors that an event of `RefreshReport.to_event` carries."""
    return {error["stream_table"]: by_name(error["type"])(error["message"]) for error in event["errors"]}


@dataclass(frozen=True)
class RefreshPlan:
    """
    Everything that a refresh operator is asked to do, as JSON can hold it.

    :param stream_tables: names, qualified or not.
    :param include_upstream: refresh the stream tables that these read, too, before them.
    :param on_busy: while another session refreshes one: ``wait``, ``skip`` it, or ``fail``.
    :param busy_timeout: seconds to wait for it, holding nothing.
    """

    stream_tables: Sequence[str]
    when: str = "always"
    full: bool = False
    include_upstream: bool = False
    lock_sources: bool = True
    lock_timeout: float = 10.0
    on_busy: str = "wait"
    busy_timeout: float = 600.0
    on_suspended: str = "fail"

    def __post_init__(self) -> None:
        for argument, choices in CHOICES.items():
            if getattr(self, argument) not in choices:
                raise InvalidStreamTable(
                    f"{argument}={getattr(self, argument)!r} is not known: give one of {', '.join(choices)}"
                )

    def to_json(self) -> dict[str, Any]:
        """Return the fields, for a trigger's keyword arguments."""
        return {**asdict(self), "stream_tables": list(self.stream_tables)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make one from what `to_json` returned."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    @property
    def options(self) -> RefreshOptions:
        """How each of them is refreshed."""
        return RefreshOptions(
            when=self.when,  # type: ignore[arg-type]
            full=self.full,
            lock_sources=self.lock_sources,
            lock_timeout=self.lock_timeout,
            on_suspended=self.on_suspended,  # type: ignore[arg-type]
        )

    def program(self, place: Place, announce: Callable[[str], None] | None = None) -> Program[RefreshReport]:
        """
        Refresh all of them, each in a session and a transaction of its own.

        :param announce: is told if the engine is the emulator.
        :raises PgStreamError: for what concerns all of them; the errors of single ones are in the report.
        """
        yield from check_engine(place, announce)
        names = yield from resolve(self.stream_tables)
        report = RefreshReport()
        if len(names) == 1 and not self.include_upstream:
            yield from self._one(names[0], {}, report, place)
            return report
        tables = yield from look()
        for name in in_dependency_order(names, tables, include_upstream=self.include_upstream):
            yield Pause()
            yield from self._one(name, tables, report, place)
        return report

    def _one(
        self, name: str, tables: Mapping[str, StreamTable], report: RefreshReport, place: Place
    ) -> Program[None]:
        failed = sorted(upstream_of(name, tables) & report.errors.keys())
        if failed:
            reason = f"left out: it reads {', '.join(failed)}, which failed"
            report.results[name] = RefreshResult("skipped", reason=reason)
            return
        try:
            report.results[name] = yield from self._patiently(name, place)
        except PgStreamError as error:
            report.errors[name] = error

    def _patiently(self, name: str, place: Place) -> Program[RefreshResult]:
        deadline = time.monotonic() + self.busy_timeout
        wait = FIRST_WAIT
        while True:
            try:
                return (yield from safe_refresh(name, self.options, place))
            except RefreshInProgress:
                if self.on_busy == "skip":
                    return RefreshResult("skipped", reason="another session is refreshing it")
                left = deadline - time.monotonic()
                if self.on_busy == "fail" or left <= 0:
                    raise
            # At random, or twenty that began together would collide again and again.
            yield Pause(min(wait * random.uniform(0.3, 1.0), left))  # noqa: S311
            wait = min(wait * 2, LONGEST_WAIT)
