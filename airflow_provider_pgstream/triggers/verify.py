"""The trigger that verifies stream tables on behalf of a deferred operator."""

from __future__ import annotations

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._events import Event
from airflow_provider_pgstream._stream_tables.verify_plan import VerifyPlan
from airflow_provider_pgstream.triggers._operation import OperationTrigger


class PgStreamVerifyOperationTrigger(OperationTrigger):
    """Compares stream tables with their queries, and repairs them, as a ``VerifyPlan`` says."""

    def program(self, place: Place) -> Program[Event]:
        """Return the program of the plan."""
        report = yield from VerifyPlan.from_json(self.plan).program(place)
        return Event(report.results, tuple(report.errors), "\n".join(report.remarks))
