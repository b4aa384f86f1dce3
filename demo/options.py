"""The command line of ``scripts/demo``, and what is wrong with it in one sentence."""

from __future__ import annotations

import argparse
from typing import NoReturn

DESCRIPTION = """\
Takes the flights that left New York in January and February 2013 through stream tables, dbt, Cosmos and
Airflow: starts PostgreSQL with an emulated engine and a real Airflow, runs the DAG dags/flight_delays.py
once for each month, prints what happens and what came of it, and stops everything. The first call installs
its own environment under .envs/. Every call starts from empty data. Ctrl-C ends it at any moment and leaves
nothing running. What Airflow keeps and logs is under .demo/, or under PGSTREAM_DEMO_DIR.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; `scripts/demo --help` lists what it knows\n")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options, or end the process with one sentence and exit code 2."""
    parser = _Parser(
        prog="scripts/demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--ui", action="store_true", help="leave Airflow and its web UI running until Ctrl-C")
    parser.add_argument(
        "--engine",
        choices=("pg_stream", "pg_trickle"),
        default="pg_stream",
        help="the extension that keeps the stream tables (default: %(default)s)",
    )
    parser.add_argument(
        "--dsn",
        type=_dsn,
        metavar="DSN",
        help="use this server instead of an emulator: a PostgreSQL 18 that has the extension, as a role that "
        "may create databases and the extension: postgresql://user:password@host:port/postgres. The demo "
        "makes a database 'flights' on it, and refuses where there is one that it did not make",
    )
    return parser.parse_args(arguments)


def _dsn(text: str) -> str:
    # A sentence about a DSN never repeats it: it may hold a password.
    if not text.startswith(("postgresql://", "postgres://")):
        raise argparse.ArgumentTypeError("a DSN reads postgresql://user:password@host:port/postgres")
    return text
