"""The demo DAG's tables against totals computed straight from the file of flights."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import psycopg
import pytest

Totals = dict[tuple[Any, ...], tuple[int, int, int | None]]

MONTHS_LOADED = [(1,), (1, 2)]


class Flights:
    """The flights of some months, read by nothing but the standard library."""

    def __init__(self, path: str, months: Iterable[int]) -> None:
        wanted = {str(month) for month in months}
        with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as lines:
            reader = csv.DictReader(io.TextIOWrapper(lines, "utf-8"))
            self.rows = [row for row in reader if row["month"] in wanted]

    def totals(self, *columns: str) -> Totals:
        """Return flights, departures and minutes of delay by the given columns."""
        groups: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        for row in self.rows:
            key = tuple(int(row[c]) if c in ("month", "day") else row[c] for c in columns)
            groups[key].append(row["dep_delay"])
        return {key: _total(delays) for key, delays in groups.items()}


def _total(delays: list[str]) -> tuple[int, int, int | None]:
    known = [int(delay) for delay in delays if delay != "NA"]
    return len(delays), len(known), sum(known) if known else None


def in_table(dsn: str, table: str, *columns: str) -> Totals:
    """Return the same from a table or view of the database; a key that is there twice is an error."""
    key = ", ".join(columns)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            f"select {key}, flights, departed, delay_minutes from analytics.{table}"
        ).fetchall()
    width = len(columns)
    found = {
        row[:width]: (int(row[-3]), int(row[-2]), None if row[-1] is None else int(row[-1])) for row in rows
    }
    assert len(found) == len(rows), f"{table} has two rows for the same {key}"
    return found


def assert_all_totals(dsn: str, flights: Flights) -> None:
    """Compare each stream table and each model downstream, row by row."""
    assert in_table(dsn, "carrier_delays", "carrier", "month") == flights.totals("carrier", "month")
    assert in_table(dsn, "route_delays", "origin", "dest") == flights.totals("origin", "dest")
    assert in_table(dsn, "daily_delays", "origin", "month", "day") == flights.totals("origin", "month", "day")
    assert in_table(dsn, "airport_delays", "origin") == flights.totals("origin")
    assert in_table(dsn, "carrier_ranking", "carrier") == flights.totals("carrier")
    assert in_table(dsn, "route_ranking", "origin", "dest") == flights.totals("origin", "dest")


def worst_by_mean(totals: Totals) -> list[tuple[Any, ...]]:
    """Return the ten keys with the longest mean delay among those with 30 departures."""
    means = {key: minutes / departed for key, (_, departed, minutes) in totals.items() if departed >= 30}
    return sorted(means, key=lambda key: -means[key])[:10]


@pytest.fixture
def run_month(flight_delays: ModuleType, run_dag: Callable[..., Any]) -> Callable[[int], Any]:
    """Run the DAG for a month; returns the run."""

    def run(month: int) -> Any:
        return run_dag(
            flight_delays.dag, run_conf={"month": month}, logical_date=datetime(2013, month, 1, tzinfo=UTC)
        )

    return run


def test_all_tables_hold_the_totals_of_the_months_that_were_loaded(
    flight_delays: ModuleType, run_month: Callable[[int], Any], pgstream_dsn: str
) -> None:
    path = str(flight_delays.data_file("flights.csv.zip"))
    for months in MONTHS_LOADED:
        run = run_month(months[-1])

        assert run.state == "success"
        flights = Flights(path, months)
        assert len(flights.rows) == {(1,): 27_004, (1, 2): 51_955}[months]
        assert_all_totals(pgstream_dsn, flights)
        assert_what_is_reported(run, flights)
        assert_nothing_read_the_table_that_was_created_empty_before_it_was_populated(run)


def assert_what_is_reported(run: Any, flights: Flights) -> None:
    worst = run.get_task_instance("worst_delays").xcom_pull(task_ids="worst_delays")
    assert [(row["carrier"],) for row in worst["carriers"]] == worst_by_mean(flights.totals("carrier"))
    routes = worst_by_mean(flights.totals("origin", "dest"))
    assert [(row["origin"], row["dest"]) for row in worst["routes"]] == routes


def assert_nothing_read_the_table_that_was_created_empty_before_it_was_populated(run: Any) -> None:
    tasks = {task.task_id: task for task in run.get_task_instances()}
    steps = [
        "load_month",
        "models.daily_delays.run",
        "models.daily_delays.refresh",
        "models.daily_delays.populated",
        "models.airport_delays.run",
        "models.airport_delays.refresh",
        "models.airport_delays.populated",
        "models.route_ranking.run",
        "verify",
    ]
    for earlier, later in itertools.pairwise(steps):
        assert tasks[earlier].end_date <= tasks[later].start_date, f"{later} began before {earlier} had ended"


def test_a_month_that_is_loaded_twice_is_there_once(
    flight_delays: ModuleType, pgstream_dsn: str, connection_json: str
) -> None:
    flight_delays.load_names.function()
    for _ in range(2):
        loaded = flight_delays.load_month.function(params={"month": 2})
        assert loaded["flights"] == 24_951
    with psycopg.connect(pgstream_dsn) as connection:
        counted = connection.execute("select month, count(*) from raw.flights group by month").fetchall()
    assert counted == [(2, 24_951)]
