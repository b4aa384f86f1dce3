"""Refreshing several stream tables: which, in which order, and what depends on one that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Self

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import Installation, detect
from airflow_provider_pgstream._engines.programs import Gather, Pause, Program
from airflow_provider_pgstream._stream_tables import due
from airflow_provider_pgstream._stream_tables.consistent import layers_of, refresh_together, refuse_scheduled
from airflow_provider_pgstream._stream_tables.lookup import fetch, in_dependency_order, resolve, upstream_of
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.patience import SKIPPED_AS_BUSY, Patience
from airflow_provider_pgstream._stream_tables.refresh import refresh
from airflow_provider_pgstream._stream_tables.refresh_at import demand_whole, reason_to_skip
from airflow_provider_pgstream._stream_tables.report import Report
from airflow_provider_pgstream.exceptions import PgStreamError, RefreshInProgress, StreamTableNotFound
from airflow_provider_pgstream.models import RefreshResult, StreamTable


@dataclass(frozen=True, kw_only=True)
class RefreshPlan(RefreshOptions):
    """
    Everything that a refresh operator is asked to do, as JSON can hold it.

    :param stream_tables: names, qualified or not.
    :param schema: all stream tables of this schema instead.
    :param pattern: all whose ``schema.table`` matches instead.
    """

    stream_tables: Sequence[str] = field(kw_only=False)
    schema: str | None = None
    pattern: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields, for a trigger's keyword arguments."""
        return {**asdict(self), "stream_tables": list(self.stream_tables)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make one from what `to_json` returned."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    def program(self, place: Place, announce: Callable[[str], None] | None = None) -> Program[Report]:
        """
        Refresh all of them, each in a session and a transaction of its own.

        :param announce: is told if the engine is the emulator.
        :raises PgStreamError: for what concerns all of them; the errors of single ones are in the report.
        """
        installation = yield from detect(place, announce)
        if self.needs_no_order:
            (name,) = yield from resolve(self.stream_tables)
            return (yield from self._in_order([name], {}, installation))
        tables = yield from fetch(installation.engine)
        names = yield from self._selected(tables, place)
        if self.dry_run:
            return self._planned(names, tables, installation)
        if self.consistent:
            return (yield from refresh_together(names, self, installation))
        return (yield from self._in_order(self._ordered(names, tables), tables, installation))

    def _ordered(self, names: Sequence[str], tables: Mapping[str, StreamTable]) -> list[str]:
        return in_dependency_order(names, tables, include_upstream=self.include_upstream)

    def _options_of(
        self, names: Sequence[str], tables: Mapping[str, StreamTable]
    ) -> dict[str, RefreshOptions]:
        """Return the options for each: a table without a schedule is due when one that reads it is."""
        drawn = due.drawn_along(names, tables) if self.when == "due" else set()
        return {name: replace(self, when="always") if name in drawn else self for name in names}

    @property
    def needs_no_order(self) -> bool:
        """Whether one stream table is asked for, by name, and nothing but a refresh."""
        return len(self.stream_tables) == 1 and not (self.include_upstream or self.consistent or self.dry_run)

    def _selected(self, tables: Mapping[str, StreamTable], place: Place) -> Program[list[str]]:
        if self.schema is None and self.pattern is None:
            return (yield from resolve(self.stream_tables))
        names = [
            name
            for name in tables
            if (self.schema is None or name.startswith(f"{self.schema}."))
            and (self.pattern is None or fnmatchcase(name, self.pattern))
        ]
        if not names:
            asked = " and ".join(
                f"{key}={value!r}"
                for key, value in (("schema", self.schema), ("pattern", self.pattern))
                if value
            )
            raise StreamTableNotFound(
                f"no stream table of {place} has {asked}: create one first, or check the connection"
            )
        return names

    def _planned(
        self, names: Sequence[str], tables: Mapping[str, StreamTable], installation: Installation
    ) -> Report:
        report = Report()
        ordered = self._ordered(names, tables)
        if self.consistent:
            layers = layers_of(names, tables, self)
            refuse_scheduled([table for layer in layers for table in layer], installation.engine)
        options = self._options_of(ordered, tables)
        for place, name in enumerate(ordered, start=1):
            try:
                table = demand_whole(name, tables.get(name))
                reason = reason_to_skip(table, options[name], installation.engine)
            except PgStreamError as error:
                report.errors[name] = error
            else:
                which = f"number {place} of {len(ordered)}"
                report.results[name] = RefreshResult(
                    "skipped" if reason else "planned",
                    data_timestamp=table.data_timestamp,
                    reason=reason or which,
                )
        return report

    def _in_order(
        self, ordered: Sequence[str], tables: Mapping[str, StreamTable], installation: Installation
    ) -> Program[Report]:
        report = Report()
        options = self._options_of(ordered, tables)
        for together in _independent(ordered, tables, self.max_parallel or 1):
            ready = [name for name in together if not self._leave_out(name, tables, report)]
            if len(ready) == 1:
                yield Pause()
                yield from self._one(ready[0], options[ready[0]], report, installation)
            elif ready:
                programs = [self._when_free(name, options[name], installation) for name in ready]
                reply = yield Gather(programs, len(ready))
                for name, outcome in zip(ready, reply.outcomes, strict=True):
                    if isinstance(outcome, PgStreamError):
                        report.errors[name] = outcome
                    elif isinstance(outcome, BaseException):
                        raise outcome
                    else:
                        report.results[name] = outcome
        return report

    def _leave_out(self, name: str, tables: Mapping[str, StreamTable], report: Report) -> bool:
        failed = sorted(upstream_of(name, tables) & report.errors.keys())
        if failed:
            reason = f"left out: it reads {', '.join(failed)}, which failed"
            report.results[name] = RefreshResult("skipped", reason=reason)
        return bool(failed)

    def _one(
        self, name: str, options: RefreshOptions, report: Report, installation: Installation
    ) -> Program[None]:
        try:
            report.results[name] = yield from self._when_free(name, options, installation)
        except PgStreamError as error:
            report.errors[name] = error

    def _when_free(
        self, name: str, options: RefreshOptions, installation: Installation
    ) -> Program[RefreshResult]:
        """Refresh one, waiting for another session's refresh of it as the options say."""
        patience = Patience(self.busy_timeout)
        while True:
            try:
                return (yield from refresh(name, options, installation))
            except RefreshInProgress:
                if self.on_busy == "skip":
                    return SKIPPED_AS_BUSY
                if self.on_busy == "fail" or patience.is_over:
                    raise
            yield Pause(patience.pause())


def _independent(ordered: Sequence[str], tables: Mapping[str, StreamTable], size: int) -> list[list[str]]:
    """Return the names in groups of at most some size, none of which reads another of its group."""
    groups: list[list[str]] = []
    for name in ordered:
        last = groups[-1] if groups else []
        if last and len(last) < size and not upstream_of(name, tables) & set(last):
            last.append(name)
        else:
            groups.append([name])
    return groups
