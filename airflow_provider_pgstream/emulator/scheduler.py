"""The emulator's scheduler: refreshes what is due in the database of a DSN.

As a process: ``python -m airflow_provider_pgstream.emulator.scheduler DSN``. It comes back after every loss
of its server and ends on Ctrl-C, on SIGTERM, or when the process ``--parent`` is gone.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from datetime import UTC, datetime

import psycopg
from croniter import croniter
from croniter.croniter import CroniterError

from airflow_provider_pgstream.emulator import interrupts

APPLICATION_NAME = "pg_stream scheduler"
REFRESH_NAME = "pg_stream refresh"
RETRY_SECONDS = 0.5  # between two attempts to reach a server that is away
NOTHING: dict[str, str] = {}

log = logging.getLogger(__name__)


def run_turn(dsn: str) -> dict[str, str]:
    """Make one turn: refresh every table that is due, sources before what reads them.

    :param dsn: the database; the real scheduler serves ``postgres`` only.
    :return: the action for each table that was due, ``FAILED`` included; empty while the extension is not
        there or ``pg_stream.enabled`` is off.
    """
    with _connect(dsn, APPLICATION_NAME) as connection:
        return _turn(connection, dsn) if _interval(connection) is not None else NOTHING


def serve(dsn: str, parent: int | None = None) -> None:
    """Make turns until interrupted, or until ``parent`` is no longer the parent of this process."""
    reachable = True
    while not _orphaned(parent):
        try:
            with _connect(dsn, APPLICATION_NAME) as connection:
                reachable = True
                _serve_connected(connection, dsn, parent)
        except psycopg.Error as error:
            if reachable:
                log.warning("no turn was made, and another will be tried: %s", _first_line(error))
            reachable = False
            time.sleep(RETRY_SECONDS)


def _serve_connected(connection: psycopg.Connection, dsn: str, parent: int | None) -> None:
    while not _orphaned(parent):
        interval = _interval(connection)
        if interval is not None:
            _turn(connection, dsn)
        time.sleep(interval or RETRY_SECONDS)


def _interval(connection: psycopg.Connection) -> float | None:
    """Return the seconds between two turns, or None while there is nothing to do."""
    here = "select to_regprocedure('pgstream_emulator.scheduler_settings()') is not null"
    if connection.execute(here).fetchone() != (True,):
        return None
    query = "select enabled, interval_ms from pgstream_emulator.scheduler_settings()"
    settings = connection.execute(query).fetchone()
    return settings[1] / 1000 if settings and settings[0] else None


def _turn(connection: psycopg.Connection, dsn: str) -> dict[str, str]:
    query = "select pgs_id, name from pgstream_emulator.due_tables(cron_due => %s::bigint[])"
    due = connection.execute(query, [_cron_due(connection)]).fetchall()
    return {name: _refresh(connection, dsn, pgs_id, name) for pgs_id, name in due}


def _cron_due(connection: psycopg.Connection) -> list[int]:
    now = datetime.now(UTC)
    due = []
    for pgs_id, schedule, since in connection.execute(
        "select pgs_id, schedule, since from pgstream_emulator.cron_tables()"
    ):
        try:
            if next_time(schedule, since) <= now:
                due.append(pgs_id)
        except CroniterError as error:
            log.warning("stream table %s has a schedule that cannot be read: %s", pgs_id, error)
    return due


def next_time(schedule: str, since: datetime) -> datetime:
    """Return the first moment of a cron schedule after ``since``.

    The engine's library puts seconds first where there are six fields or seven, and a year last.
    """
    moment: datetime = croniter(schedule, since.astimezone(UTC), second_at_beginning=True).get_next(datetime)
    return moment


def _refresh(connection: psycopg.Connection, dsn: str, pgs_id: int, name: str) -> str:
    """Refresh one table in a session of its own, so that nothing which goes wrong there outlives it."""
    try:
        with _connect(dsn, REFRESH_NAME) as session:
            call = "select pgstream_emulator.scheduled_refresh(%s::bigint)"
            row = session.execute(call, [pgs_id]).fetchone()
    except psycopg.Error as error:
        reason = error.diag.message_primary or _first_line(error)
        connection.execute("select pgstream_emulator.record_failure(%s::bigint, %s::text)", [pgs_id, reason])
        log.warning("refresh of %s failed: %s", name, reason)
        return "FAILED"
    action = str(row[0]) if row else "SKIP"
    if action not in ("NO_DATA", "SKIP"):
        log.info("refreshed %s (%s)", name, action)
    return action


def _connect(dsn: str, application_name: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True, application_name=application_name, connect_timeout=10)


def _orphaned(parent: int | None) -> bool:
    return parent is not None and os.getppid() != parent


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def main(arguments: list[str] | None = None) -> int:
    """Run the scheduler from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_pgstream.emulator.scheduler",
        description="Refreshes the stream tables that are due in one database of an emulator.",
    )
    parser.add_argument("dsn", help="postgresql:// URI of the database")
    parser.add_argument("--parent", type=int, help="end when this process id is no longer the parent's")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        # psycopg answers a KeyboardInterrupt by cancelling what runs on the server.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        interrupts.let_in()
        serve(options.dsn, options.parent)
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
