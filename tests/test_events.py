"""The one event format: what a trigger tells comes back in the task, whatever came in between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pgstream._events import Event, failure, read
from airflow_provider_pgstream.exceptions import PgStreamError, RefreshInProgress, StreamTableNotFound
from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.sensors import PgStreamPopulatedSensor


def arrived(event: Event) -> Event:
    """Return the event as it comes out of Airflow's database."""
    return read(json.loads(json.dumps(event.payload())))


def test_results_and_message_arrive() -> None:
    event = arrived(Event({"public.t": {"outcome": "refreshed"}}, message="a remark"))
    assert (event.results, event.message) == ({"public.t": {"outcome": "refreshed"}}, "a remark")
    event.raise_errors()


def test_errors_arrive_as_what_they_were() -> None:
    with pytest.raises(StreamTableNotFound, match="gone"):
        arrived(failure(StreamTableNotFound("gone"))).raise_errors()
    with pytest.raises(PgStreamError, match="KeyError: 'x'"):
        arrived(failure(KeyError("x"))).raise_errors()
    with pytest.raises(PgStreamError, match="2 stream tables failed: busy; gone"):
        arrived(Event(errors=(RefreshInProgress("busy"), StreamTableNotFound("gone")))).raise_errors()


@pytest.mark.parametrize("task", [PgStreamRefreshOperator, PgStreamPopulatedSensor])
@pytest.mark.parametrize("payload", [None, {}, "success", {"status": "success"}, {"status": "timeout"}])
def test_task_resumed_without_an_event_of_ours_fails(task: type[Any], payload: Any) -> None:
    with pytest.raises(PgStreamError, match="no trigger of this provider"):
        task(task_id="t", stream_table="public.t").execute_complete({}, payload)
