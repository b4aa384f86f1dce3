"""Wait until an engine's own health check finds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from airflow_provider_pgstream._arguments import one_of
from airflow_provider_pgstream._stream_tables.engine_checks import FAIL, IGNORE, REACTIONS, Healthy
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.sensors._engine_checks import EngineCheckSensor

Reaction = Literal["fail", "wait", "ignore"]


class PgStreamEngineHealthSensor(EngineCheckSensor):
    """
    Waits until the engine's own ``health_check()`` finds nothing: for pg_trickle.

    :param on_warning: what a check at WARN means: ``"fail"``, ``"wait"`` until it is over, or ``"ignore"``,
        which says it in the log.
    :param on_error: what a check at ERROR means: the same.
    :param checks: the names of the checks that count (templated); left out, all of them.
    :raises EngineNotSupported: if the engine has no such function.
    """

    template_fields: Sequence[str] = (*EngineCheckSensor.template_fields, "checks")

    def __init__(
        self,
        *,
        on_warning: Reaction = IGNORE,  # type: ignore[assignment]
        on_error: Reaction = FAIL,  # type: ignore[assignment]
        checks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.on_warning = one_of("on_warning", on_warning, REACTIONS)
        self.on_error = one_of("on_error", on_error, REACTIONS)
        self.checks = checks

    @property
    def wanted(self) -> Healthy:
        """That no check is at WARN or ERROR."""
        if isinstance(self.checks, str):
            raise InvalidStreamTable(f"checks={self.checks!r} is no list of names of checks")
        return Healthy(self.on_warning, self.on_error, self.checks)

    def observe(self) -> Any:
        """Return what the engine says of its checks."""
        return self.hook.health_checks()
