"""What came of it: the final tables, and what to try next."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from demo.database import Flights
from demo.screen import say, table

COUNTED = {
    "carrier_delays": "stream table, DIFFERENTIAL",
    "route_delays": "stream table, FULL, with a join",
    "daily_delays": "stream table, created empty",
    "airport_delays": "stream table on daily_delays",
    "carrier_ranking": "view on carrier_delays",
    "route_ranking": "table on route_delays and airport_delays",
}

STATUS = {"pg_stream": "pgstream.pgs_status()", "pg_trickle": "pgtrickle.pgt_status()"}


def version(flights: Flights) -> str:
    """Return the extension's version, which says whether it is the emulator's."""
    with flights.connect() as connection:
        row = connection.execute(
            "select extversion from pg_extension where extname = %s", [flights.engine]
        ).fetchone()
    return str(row[0]) if row else "missing"


def show(flights: Flights, worst: dict[str, list[dict[str, Any]]]) -> None:
    """Print the flights that each table counts, and the worst carriers and routes."""
    counted = [("raw.flights", "what was loaded", flights.count("raw.flights"))]
    for name, kind in COUNTED.items():
        query = sql.SQL("select sum(flights) from analytics.{}").format(sql.Identifier(name))
        counted.append((f"analytics.{name}", kind, flights.number(query)))
    table("Flights counted, January and February together", ("table", "what it is", "flights"), counted)
    for what, rows in worst.items():
        columns = [name.replace("_", " ") for name in rows[0]]
        table(f"The ten worst {what} (delays in minutes)", columns, [tuple(row.values()) for row in rows])


def what_next(flights: Flights, url: str | None, *, own_server: bool) -> None:
    """Say what can be tried now; ``url`` is the web UI's, if it stays open."""
    say("\nWhat to try next")
    if url:
        say(f"  the web UI          {url}  (nobody is asked to log in: everyone is admin here)")
        say("                      trigger flight_delays again, with another month of 2013")
    if url or own_server:
        say(f"  the database        {flights.psql()}")
        say(f"                      select name, status, staleness from {STATUS[flights.engine]};")
    if not url:
        say("  the web UI          scripts/demo --ui   (Airflow and the server run on until Ctrl-C)")
    if not own_server:
        say("  a server of yours   scripts/demo --dsn postgresql://user:password@host:port/postgres")
    say("  the DAG             dags/flight_delays.py, and the dbt project that it runs: dags/dbt/flights/")
    say("  a DAG of yours      README.md, `Use it`")
    if url:
        say("\nCtrl-C stops everything.")
