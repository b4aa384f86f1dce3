"""What some engines say of themselves: their own health checks, and whether sources are level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_pgstream._engines import queries
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables.conditions import Outcome, Verdict
from airflow_provider_pgstream._stream_tables.source_calls import refuse_missing
from airflow_provider_pgstream.exceptions import EngineUnhealthy, InvalidStreamTable
from airflow_provider_pgstream.models import HealthCheck, WatermarkGroup

FAIL, WAIT, IGNORE = "fail", "wait", "ignore"
REACTIONS = (FAIL, WAIT, IGNORE)
"""What a check that is not OK can mean to a wait."""


def health_checks(engine: Engine) -> Program[tuple[HealthCheck, ...]]:
    """
    Return the engine's own checks.

    :raises EngineNotSupported: if the engine has none.
    """
    refuse_missing(engine, "health_check")
    rows = (yield Run(queries.health_checks(engine))).rows
    return tuple(map(HealthCheck.from_row, rows))


def watermark_groups(engine: Engine) -> Program[tuple[WatermarkGroup, ...]]:
    """
    Return the groups of sources that are loaded together, and how level they are.

    :raises EngineNotSupported: if the engine has none.
    """
    refuse_missing(engine, "watermark_status")
    rows = (yield Run(queries.watermark_groups(engine))).rows
    return tuple(map(WatermarkGroup.from_row, rows))


@dataclass(frozen=True)
class Healthy:
    """
    No check of the engine's own is worse than OK.

    :param on_warning: what a check at WARN means: ``fail``, ``wait`` or ``ignore``.
    :param on_error: what a check at ERROR means: the same.
    :param checks: the names of those that count; None for all.
    """

    on_warning: str = IGNORE
    on_error: str = FAIL
    checks: Sequence[str] | None = None

    def judge(self, seen: Sequence[HealthCheck]) -> Verdict:
        """
        Say whether the wait is over.

        :raises InvalidStreamTable: if a check is asked for that the engine does not make.
        """
        self._refuse_unknown(seen)
        reactions = {"OK": IGNORE, "WARN": self.on_warning, "ERROR": self.on_error}
        said: dict[str, list[str]] = {reaction: [] for reaction in REACTIONS}
        for check in seen:
            if check.severity != "OK" and (self.checks is None or check.name in self.checks):
                said[reactions.get(check.severity, self.on_error)].append(check.sentence)
        if said[FAIL]:
            return Verdict(Outcome.FAIL, "; ".join(said[FAIL]), EngineUnhealthy)
        if said[WAIT]:
            return Verdict(Outcome.WAIT, "; ".join(said[WAIT]))
        return Verdict(Outcome.DONE, "; ".join(said[IGNORE]))

    def _refuse_unknown(self, seen: Sequence[HealthCheck]) -> None:
        made = [check.name for check in seen]
        if unknown := [name for name in self.checks or () if name not in made]:
            raise InvalidStreamTable(
                f"the engine makes no check {', '.join(unknown)}: give some of {', '.join(made)}"
            )


@dataclass(frozen=True)
class Aligned:
    """
    Every source of a watermark group is loaded, and they are level.

    :param group: the group's name.
    """

    group: str

    def judge(self, seen: Sequence[WatermarkGroup]) -> Verdict:
        """
        Say whether the wait is over.

        :raises InvalidStreamTable: if there is no such group.
        """
        found = next((group for group in seen if group.name == self.group), None)
        if found is None:
            there = ", ".join(group.name for group in seen) or "none at all"
            raise InvalidStreamTable(
                f"there is no watermark group {self.group!r}, but {there}: create it with the engine's "
                "create_watermark_group"
            )
        # The engine calls a group aligned of which no source has a watermark yet.
        if missing := found.sources_total - found.sources_with_watermark:
            return Verdict(
                Outcome.WAIT,
                f"watermark group {found.name}: {missing} of {found.sources_total} sources have no "
                "watermark yet",
            )
        if not found.aligned:
            return Verdict(
                Outcome.WAIT,
                f"watermark group {found.name} is not aligned: its sources are {found.lag_seconds:g} s "
                f"apart, more than the {found.tolerance_seconds:g} s of its tolerance",
            )
        return Verdict(Outcome.DONE)


_CONDITIONS: dict[str, type[Healthy] | type[Aligned]] = {kind.__name__: kind for kind in (Healthy, Aligned)}


def to_json(condition: Healthy | Aligned) -> dict[str, Any]:
    """Write down what is waited for."""
    return {"kind": type(condition).__name__, **asdict(condition)}


def from_json(written: Mapping[str, Any]) -> Healthy | Aligned:
    """
    Read back what is waited for.

    :raises ValueError: if it was not written by :func:`to_json`.
    """
    fields = dict(written)
    kind = _CONDITIONS.get(fields.pop("kind", ""))
    if kind is None:
        raise ValueError(f"not what a sensor waits for: {written!r}")
    return kind(**fields)


def seen_to_json(seen: Sequence[HealthCheck] | Sequence[WatermarkGroup]) -> dict[str, Any]:
    """Return what a sensor returns, by name."""
    return {row.name: row.to_json() for row in seen}
