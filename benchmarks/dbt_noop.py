"""
What an unchanged stream table costs a ``dbt run``.

Fifty models in one process with four threads: as stream tables, as materialized views of dbt-postgres, and
with a materialization that does nothing but end its transaction (the floor). Runs alternate; of each kind the
fastest counts.

    python benchmarks/dbt_noop.py [--rounds 7] [--models 50]

It starts the emulator, or uses the server that PGSTREAM_TEST_DSN names.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from dbt.cli.main import dbtRunner

from airflow_provider_pgstream.dbt import package_path

DATABASE = "dbt_noop_benchmark"
KINDS = ("floor", "stream_table", "materialized_view")
MOST_FLOORS, MOST_MATVIEWS = 1.5, 0.6

FLOOR = """
{% materialization floor, adapter='postgres' %}
    {% call statement('main') %} select 1 {% endcall %}
    {% do adapter.commit() %}
    {{ return({'relations': []}) }}
{% endmaterialization %}
"""

PROJECT = """
name: noop
version: "1.0"
config-version: 2
profile: noop
models:
  noop:
    floor: {+materialized: floor}
    stream_table: {+materialized: stream_table, +schedule: null}
    materialized_view: {+materialized: materialized_view}
"""

PROFILE = """
noop:
  target: here
  outputs:
    here:
      type: postgres
      host: {host}
      port: {port}
      user: {user}
      password: "{password}"
      dbname: {database}
      schema: public
      threads: 4
"""


@contextmanager
def server() -> Iterator[str]:
    dsn = os.environ.get("PGSTREAM_TEST_DSN")
    if dsn:
        yield dsn
        return
    from airflow_provider_pgstream.emulator import PgStreamServer

    with PgStreamServer(scheduler=False) as emulator:
        yield emulator.dsn()


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """A database with the extension and a table of numbers; its DSN."""
    own = urlunsplit(urlsplit(dsn)._replace(path=f"/{DATABASE}"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        engines = "select extname from pg_extension where extname in ('pg_stream', 'pg_trickle')"
        (extension,) = connection.execute(engines).fetchone() or ("pg_stream",)
        connection.execute(f"drop database if exists {DATABASE} with (force)")
        connection.execute(f"create database {DATABASE}")
        with psycopg.connect(own, autocommit=True) as tables:
            tables.execute(f"create extension {extension}")
            tables.execute(
                "create table numbers as select i % 5 as g, i as v from generate_series(1, 100) as i"
            )
        yield own
        connection.execute(f"drop database {DATABASE} with (force)")


def write_project(path: Path, dsn: str, models: int) -> None:
    url = urlsplit(dsn)
    (path / "dbt_packages").mkdir()
    (path / "dbt_packages" / "pgstream").symlink_to(package_path())
    (path / "macros").mkdir()
    (path / "macros" / "floor.sql").write_text(FLOOR)
    (path / "dbt_project.yml").write_text(PROJECT)
    (path / "profiles.yml").write_text(
        PROFILE.format(
            host=url.hostname,
            port=url.port,
            user=unquote(url.username or "postgres"),
            password=unquote(url.password or ""),
            database=DATABASE,
        )
    )
    for kind in KINDS:
        (path / "models" / kind).mkdir(parents=True)
        for number in range(models):
            query = f"select g, sum(v) + {number} as total from public.numbers group by g"
            (path / "models" / kind / f"{kind}_{number}.sql").write_text(query)


def run(path: Path, kind: str) -> float:
    """Run dbt for the models of one kind; return the seconds it took."""
    where = ["--project-dir", str(path), "--profiles-dir", str(path)]
    started = time.perf_counter()
    outcome = dbtRunner().invoke(["--quiet", "run", "--select", f"path:models/{kind}", *where])
    seconds = time.perf_counter() - started
    if not outcome.success:
        raise SystemExit(f"dbt failed for {kind}: {outcome.exception}")
    return seconds


def measure(path: Path, rounds: int) -> dict[str, float]:
    for kind in KINDS:
        run(path, kind)
    best = dict.fromkeys(KINDS, float("inf"))
    for _ in range(rounds):
        for kind in KINDS:
            best[kind] = min(best[kind], run(path, kind))
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", type=int, default=50)
    options = parser.parse_args()
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    with server() as dsn, database(dsn) as own, tempfile.TemporaryDirectory() as directory:
        write_project(Path(directory), own, options.models)
        best = measure(Path(directory), options.rounds)
    for kind in KINDS:
        print(f"{kind:18} {best[kind]:6.3f} s")
    floors = best["stream_table"] / best["floor"]
    matviews = best["stream_table"] / best["materialized_view"]
    print(f"stream tables / floor              {floors:.2f}  (at most {MOST_FLOORS})")
    print(f"stream tables / materialized views {matviews:.2f}  (at most {MOST_MATVIEWS})")
    return 0 if floors <= MOST_FLOORS and matviews <= MOST_MATVIEWS else 1


if __name__ == "__main__":
    sys.exit(main())
