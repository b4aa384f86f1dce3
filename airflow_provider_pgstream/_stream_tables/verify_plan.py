"""Comparing several stream tables with their queries, and what is done where one differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import Installation, detect
from airflow_provider_pgstream._engines.programs import Pause, Program
from airflow_provider_pgstream._stream_tables.lookup import fetch, in_dependency_order, resolve
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream._stream_tables.verify import VerifyOptions, verify
from airflow_provider_pgstream.exceptions import PgStreamError, StreamTableDiffers
from airflow_provider_pgstream.models import AS_IS, Verification


@dataclass
class VerifyReport:
    """
    What became of each stream table.

    :param results: name → result, as JSON can hold it: what operators return.
    :param errors: what went wrong.
    :param remarks: sentences for the task's log.
    """

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[PgStreamError] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class VerifyPlan(VerifyOptions):
    """
    Everything that a verify operator is asked to do, as JSON can hold it.

    :param stream_tables: names, qualified or not.
    """

    stream_tables: Sequence[str] = field(kw_only=False)

    def to_json(self) -> dict[str, Any]:
        """Return the fields, for a trigger's keyword arguments."""
        return {**asdict(self), "stream_tables": list(self.stream_tables)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make one from what `to_json` returned."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    def program(self, place: Place, announce: Callable[[str], None] | None = None) -> Program[VerifyReport]:
        """
        Verify each in a session of its own, in dependency order.

        :param announce: is told if the engine is the emulator.
        :raises PgStreamError: for what concerns all of them; the errors of single ones are in the report.
        """
        installation = yield from detect(place, announce)
        names = yield from resolve(self.stream_tables)
        tables = yield from fetch(installation.engine)
        report = VerifyReport()
        for name in in_dependency_order(names, tables):
            try:
                report.results[name] = yield from self._one(name, installation, report)
            except PgStreamError as error:
                report.errors.append(error)
        return report

    def _one(self, name: str, installation: Installation, report: VerifyReport) -> Program[dict[str, Any]]:
        found = yield from self._compare(name, installation, report)
        if found.outcome != "different":
            return _result(found, found.outcome)
        if self.on_difference == "warn":
            report.remarks.append(_difference(found))
            return _result(found, found.outcome)
        if self.on_difference == "fail":
            raise StreamTableDiffers(f"{_difference(found)}; {_way_out(name)}")
        report.remarks.append(f"{_difference(found)}: repairing it by a full refresh")
        repair = RefreshPlan([name], full=True, lock_timeout=self.lock_timeout)
        repaired = yield from repair.program(installation.place)
        repaired.raise_errors()
        again = yield from self._compare(name, installation, report)
        if again.outcome == "different":
            raise StreamTableDiffers(f"{_difference(again)}, after a full refresh; its query may be volatile")
        return _result(found, "repaired")

    def _compare(self, name: str, installation: Installation, report: VerifyReport) -> Program[Verification]:
        yield Pause()
        found = yield from verify(name, self, installation)
        report.remarks += found.warnings
        return found


def _result(found: Verification, outcome: str) -> dict[str, Any]:
    """Return the result of one comparison; for a repaired table, of the one before."""
    values = found.to_json()
    del values["name"]
    return {"outcome": outcome, "reason": f"compared {found.compared}", **values}


def _difference(found: Verification) -> str:
    state = "as its readers see it" if found.compared == AS_IS else f"{found.compared} of what was pending"
    return (
        f"stream table {found.name} differs from its query, {state}: "
        f"{found.missing} rows are missing{_such_as(found.missing_examples)}, "
        f"{found.surplus} are too many{_such_as(found.surplus_examples)}"
    )


def _such_as(examples: Sequence[str]) -> str:
    return f", such as {' '.join(examples)}" if examples else ""


def _way_out(name: str) -> str:
    return (
        f"repair it with PgStreamRefreshOperator(stream_table='{name}', full=True), or on_difference='repair'"
    )
