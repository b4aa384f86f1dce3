"""The emulator's scheduler: refreshes what is due in the database of a DSN, or in every one of its server.

As a process: ``python -m airflow_provider_pgstream.emulator._scheduler DSN``. It comes back after every loss
of its server and ends on Ctrl-C, on SIGTERM, or when the process ``--parent`` is gone.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from croniter import croniter
from croniter.croniter import CroniterError
from psycopg import sql
from psycopg.conninfo import make_conninfo

from airflow_provider_pgstream.emulator import _interrupts
from airflow_provider_pgstream.emulator._dresses import DRESSES, Dress

RETRY_SECONDS = 0.5  # between two attempts to reach a server that is away
NOTHING: dict[str, str] = {}

log = logging.getLogger(__name__)


def run_turn(dsn: str, dress: Dress) -> dict[str, str]:
    """Make one turn: refresh every table that is due in one database, sources before what reads them.

    :return: the action for each table that was due, ``FAILED`` included; empty while the extension is not
        there or its setting ``enabled`` is off.
    """
    with _connect(dsn, dress.scheduler_name) as connection:
        scheduler = _Scheduler(connection, dsn, dress)
        return scheduler.turn() if scheduler.interval() is not None else NOTHING


def serve(dsn: str, dress: Dress, parent: int | None = None) -> None:
    """Make turns until interrupted, or until ``parent`` is no longer the parent of this process."""
    reachable = True
    while not _orphaned(parent):
        try:
            with _connect(dsn, dress.scheduler_name) as connection:
                reachable = True
                _serve_connected(_Scheduler(connection, dsn, dress), parent)
        except psycopg.Error as error:
            if reachable:
                log.warning("no turn was made, and another will be tried: %s", _first_line(error))
            reachable = False
            time.sleep(RETRY_SECONDS)


def _serve_connected(scheduler: _Scheduler, parent: int | None) -> None:
    with ExitStack() as sessions:
        others: dict[str, _Scheduler] = {}
        while not _orphaned(parent):
            if scheduler.dress.every_database:
                _join(scheduler, others, sessions)
            intervals = [_serve_once(one) for one in (scheduler, *others.values())]
            time.sleep(min((seconds for seconds in intervals if seconds), default=RETRY_SECONDS))


def _serve_once(scheduler: _Scheduler) -> float | None:
    interval = scheduler.interval()
    if interval is not None:
        scheduler.turn()
    return interval


def _join(scheduler: _Scheduler, others: dict[str, _Scheduler], sessions: ExitStack) -> None:
    """Open a session in each database that has come, and forget those that have gone."""
    query = (
        "select datname from pg_database where datallowconn and not datistemplate "
        "and datname <> current_database()"
    )
    names = {name for (name,) in scheduler.connection.execute(query)}
    for gone in others.keys() - names:
        others.pop(gone).connection.close()
    for name in names - others.keys():
        dsn = make_conninfo(scheduler.dsn, dbname=name)
        connection = sessions.enter_context(_connect(dsn, scheduler.dress.scheduler_name))
        others[name] = _Scheduler(connection, dsn, scheduler.dress)


@dataclass(frozen=True)
class _Scheduler:
    """A session in one database, and what is done there."""

    connection: psycopg.Connection
    dsn: str
    dress: Dress

    def interval(self) -> float | None:
        """Return the seconds between two turns, or None while there is nothing to do."""
        function = f"{self.dress.own_schema}.scheduler_settings()"
        here = "select to_regprocedure(%s) is not null"
        if self.connection.execute(here, [function]).fetchone() != (True,):
            return None
        settings = self._call("scheduler_settings()").fetchone()
        return settings[1] / 1000 if settings and settings[0] else None

    def turn(self) -> dict[str, str]:
        """Refresh what is due, and return what was done."""
        due = self._call("due_tables(%s::bigint[])", self._cron_due()).fetchall()
        actions = {name: self._refresh(stream_table, name) for stream_table, name in due}
        self._call("trim_buffers()")
        return actions

    def _cron_due(self) -> list[int]:
        now = datetime.now(UTC)
        due = []
        for stream_table, schedule, since in self._call("cron_tables()"):
            try:
                if next_time(schedule, since) <= now:
                    due.append(stream_table)
            except CroniterError as error:
                log.warning("stream table %s has a schedule that cannot be read: %s", stream_table, error)
        return due

    def _refresh(self, stream_table: int, name: str) -> str:
        """Refresh one table in a session of its own, so that nothing which goes wrong there outlives it."""
        try:
            with _connect(self.dsn, f"{self.dress.extension} refresh") as session:
                call = self._query("scheduled_refresh(%s::bigint)")
                row = session.execute(call, [stream_table]).fetchone()
        except psycopg.Error as error:
            reason = error.diag.message_primary or _first_line(error)
            if _is_lost(error):
                log.warning(
                    "refresh of %s lost its connection, which is no error of the table: %s", name, reason
                )
                return "FAILED"
            self._call("record_failure(%s::bigint, %s::text)", stream_table, reason)
            log.warning("refresh of %s failed: %s", name, reason)
            return "FAILED"
        action = str(row[0]) if row else "SKIP"
        if action not in ("NO_DATA", "SKIP"):
            log.info("refreshed %s (%s)", name, action)
        return action

    def _call(self, function: LiteralString, *values: Any) -> psycopg.Cursor:
        return self.connection.execute(self._query(function), values or None)

    def _query(self, function: LiteralString) -> sql.Composed:
        return sql.SQL("select * from {}." + function).format(sql.Identifier(self.dress.own_schema))


def next_time(schedule: str, since: datetime) -> datetime:
    """Return the first moment of a cron schedule after ``since``.

    The engine's library puts seconds first where there are six fields or seven, and a year last.
    """
    moment: datetime = croniter(schedule, since.astimezone(UTC), second_at_beginning=True).get_next(datetime)
    return moment


def _connect(dsn: str, application_name: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True, application_name=application_name, connect_timeout=10)


def _is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection ended or never was: then nothing is known about the table."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _orphaned(parent: int | None) -> bool:
    return parent is not None and os.getppid() != parent


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def main(arguments: list[str] | None = None) -> int:
    """Run the scheduler from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_pgstream.emulator._scheduler",
        description="Refreshes the stream tables that are due in one database of an emulator.",
    )
    parser.add_argument("dsn", help="postgresql:// URI of the database")
    parser.add_argument("--engine", choices=tuple(DRESSES), default="pg_stream", help="whose scheduler it is")
    parser.add_argument("--parent", type=int, help="end when this process id is no longer the parent's")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        # psycopg answers a KeyboardInterrupt by cancelling what runs on the server.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _interrupts.let_in()
        serve(options.dsn, DRESSES[options.engine], options.parent)
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
