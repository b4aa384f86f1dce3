"""What the sensors share that wait for what an engine says of itself."""

from __future__ import annotations

from typing import Any

from airflow_provider_pgstream._stream_tables import engine_checks
from airflow_provider_pgstream._stream_tables.conditions import Outcome, Verdict
from airflow_provider_pgstream._stream_tables.engine_checks import Aligned, Healthy
from airflow_provider_pgstream.sensors._waiting import WaitingSensor
from airflow_provider_pgstream.triggers._waiting import WaitingTrigger
from airflow_provider_pgstream.triggers.engine_checks import EngineCheckTrigger


class EngineCheckSensor(WaitingSensor):
    """Waits for what the engine says of itself: it concerns no stream table, and is no news of any data."""

    @property
    def wanted(self) -> Healthy | Aligned:
        """What to wait for, made from the rendered arguments."""
        raise NotImplementedError

    def observe(self) -> Any:
        """Return what the engine says."""
        raise NotImplementedError

    def poll(self) -> tuple[Verdict, dict[str, Any]]:
        """Poll once."""
        seen = self.observe()
        verdict = self.wanted.judge(seen)
        return verdict, engine_checks.seen_to_json(seen) if verdict.outcome is Outcome.DONE else {}

    def make_trigger(self) -> WaitingTrigger:
        """Return what waits in the triggerer."""
        return EngineCheckTrigger(engine_checks.to_json(self.wanted), **self.trigger_arguments)
