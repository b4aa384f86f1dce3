"""The trigger that refreshes stream tables on behalf of a deferred operator."""

from __future__ import annotations

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._events import Event, of_report
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.triggers._operation import OperationTrigger


class PgStreamRefreshOperationTrigger(OperationTrigger):
    """Refreshes stream tables, each in a session of its own, as a ``RefreshPlan`` says."""

    def program(self, place: Place) -> Program[Event]:
        """Return the program of the plan."""
        report = yield from RefreshPlan.from_json(self.plan).program(place)
        return of_report(report)
