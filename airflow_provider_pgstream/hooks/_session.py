"""Drives a program over a psycopg connection that is opened for it and closed behind it."""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import psycopg

from airflow_provider_pgstream._engines.detect import is_chatter
from airflow_provider_pgstream._engines.programs import Gather, Pause, Program, Reply, Run, Sleep, Step
from airflow_provider_pgstream._engines.statements import NOTICE_DEAD_CLIENTS
from airflow_provider_pgstream.exceptions import PgStreamError

T = TypeVar("T")
Row = dict[str, Any]
Connection = psycopg.Connection[Row]

SLICE = 0.1
"""Seconds after which a wait notices that it was cancelled."""

_LEVELS = {"WARNING": logging.WARNING, "INFO": logging.INFO, "NOTICE": logging.INFO}


def log_notice(log: Any, diagnostic: psycopg.errors.Diagnostic) -> None:
    """Pass a message of the server on to a task's log, unless it is chatter."""
    message = diagnostic.message_primary or ""
    # In English whatever the server's language is.
    level = _LEVELS.get(diagnostic.severity_nonlocalized or diagnostic.severity or "NOTICE")
    # 25P01: a rollback where nothing was open, which is how a program makes sure.
    if level is not None and diagnostic.sqlstate != "25P01" and not is_chatter(message):
        log.log(level, "%s", message)


def killed() -> PgStreamError:
    """Return the error for work that ends because its task was killed."""
    return PgStreamError(
        "the task was killed: what was running was rolled back and nothing more was begun; run it again"
    )


class Session:
    """
    The sessions of one program, one after the other.

    :param connect: opens a connection, in autocommit mode.
    :param log: where the server's messages go.
    :param is_cancelled: whether it is to begin nothing, because the task was killed before.
    """

    def __init__(self, connect: Callable[[], Connection], log: Any, *, is_cancelled: bool = False) -> None:
        self._connect = connect
        self._log = log
        self._connection: Connection | None = None
        self._notices: list[str] = []
        self._gathered: list[Session] = []
        self._is_cancelled = is_cancelled

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
        """End what is running, and begin nothing more; may be called from a signal handler."""
        self._is_cancelled = True
        for session in self._gathered:
            session.cancel()
        connection = self._connection
        if connection is not None and not connection.closed:
            connection.cancel_safe(timeout=5.0)

    def _drive(self, program: Program[T]) -> T:
        try:
            step = next(program)
            while True:
                try:
                    reply = self._answer(step)
                except (psycopg.Error, PgStreamError) as error:
                    if self._is_cancelled:  # the program would go on with the rest of its work
                        raise killed() from error
                    step = program.throw(error)
                else:
                    step = program.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _answer(self, step: Step) -> Reply:
        self._refuse_if_cancelled()
        match step:
            case Pause():
                self._close()
                self._sleep(step.seconds)
                return Reply()
            case Sleep():
                self._sleep(step.seconds)
                return Reply()
            case Gather():
                return Reply(outcomes=self._gather(step))
            case Run():
                return self._execute(step)

    def _execute(self, step: Run) -> Reply:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.add_notice_handler(self._hear)
            self._connection.execute(NOTICE_DEAD_CLIENTS)
            self._refuse_if_cancelled()  # while it was being opened
        self._notices.clear()
        cursor = self._connection.execute(step.sql, step.params)  # type: ignore[arg-type]
        while cursor.description is None and cursor.nextset():
            pass
        rows = cursor.fetchall() if cursor.description else ()
        return Reply(rows, tuple(self._notices))

    def _sleep(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self._refuse_if_cancelled()
            time.sleep(min(left, SLICE))

    def _refuse_if_cancelled(self) -> None:
        if self._is_cancelled:
            raise killed()

    def _gather(self, step: Gather) -> list[Any]:
        self._gathered = [Session(self._connect, self._log) for _ in step.programs]
        try:
            with ThreadPoolExecutor(step.limit) as pool:
                futures = [
                    pool.submit(contextvars.copy_context().run, session.drive, program)
                    for session, program in zip(self._gathered, step.programs, strict=True)
                ]
                try:
                    wait(futures)
                except BaseException:
                    # The task is killed: what has not begun does not, and what runs is cancelled.
                    pool.shutdown(wait=False, cancel_futures=True)
                    self.cancel()
                    raise
        finally:
            self._gathered = []
        return [future.exception() or future.result() for future in futures]

    def _hear(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._notices.append(diagnostic.message_primary or "")
        log_notice(self._log, diagnostic)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
