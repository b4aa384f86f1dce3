"""Drives a program over a psycopg connection that is opened for it and closed behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from airflow_provider_pgstream import engine
from airflow_provider_pgstream.program import Pause, Program, Reply, Run

T = TypeVar("T")
Row = dict[str, Any]
Connection = psycopg.Connection[Row]

_LEVELS = {"WARNING": logging.WARNING, "INFO": logging.INFO, "NOTICE": logging.INFO}


def log_notice(log: Any, diagnostic: psycopg.errors.Diagnostic) -> None:
    """Pass a message of the server on to a task's log, unless it is chatter."""
    message = diagnostic.message_primary or ""
    level = _LEVELS.get(engine.severity(diagnostic))
    # 25P01: a rollback where nothing was open, which is how a program makes sure.
    if level is not None and diagnostic.sqlstate != "25P01" and not engine.is_chatter(message):
        log.log(level, "%s", message)


class Session:
    """
    The sessions of one program, one after the other.

    :param connect: opens a connection, in autocommit mode.
    :param log: where the server's messages go.
    """

    def __init__(self, connect: Callable[[], Connection], log: Any) -> None:
        self._connect = connect
        self._log = log
        self._connection: Connection | None = None
        self._notices: list[str] = []

    def drive(self, program: Program[T]) -> T:
        """
        Run a program to its end, and close the session whatever happens.

        :raises psycopg.Error: what the program does not answer itself.
        """
        try:
            return self._drive(program)
        except BaseException as error:
            # A task that was timed out or killed leaves a statement running that nobody waits for.
            if not isinstance(error, Exception):
                self.cancel()
            raise
        finally:
            program.close()
            self._close()

    def cancel(self) -> None:
        """End the statement that is running, if one is; may be called from a signal handler."""
        connection = self._connection
        if connection is not None and not connection.closed:
            connection.cancel_safe(timeout=5.0)

    def _drive(self, program: Program[T]) -> T:
        try:
            step = next(program)
            while True:
                try:
                    reply = self._answer(step)
                except psycopg.Error as error:
                    step = program.throw(error)
                else:
                    step = program.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _answer(self, step: Run | Pause) -> Reply:
        if isinstance(step, Pause):
            self._close()
            time.sleep(step.seconds)
            return Reply()
        if self._connection is None:
            self._connection = self._connect()
            self._connection.add_notice_handler(self._hear)
        self._notices.clear()
        cursor = self._connection.execute(step.sql, step.params)  # type: ignore[arg-type]
        rows = cursor.fetchall() if cursor.description else ()
        return Reply(rows, tuple(self._notices))

    def _hear(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._notices.append(diagnostic.message_primary or "")
        log_notice(self._log, diagnostic)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
