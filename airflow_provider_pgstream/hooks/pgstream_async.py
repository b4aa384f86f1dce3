"""Connections and programs for triggers, which must never block their event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import psycopg
from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from psycopg.rows import DictRow

from airflow_provider_pgstream.connection import Target, target
from airflow_provider_pgstream.exceptions import ConnectionFailed
from airflow_provider_pgstream.hooks.session import log_notice
from airflow_provider_pgstream.program import Pause, Program, Reply, Run
from airflow_provider_pgstream.translation import connection_failed, translate

T = TypeVar("T")
AsyncConnection = psycopg.AsyncConnection[DictRow]

# What a server says that is up, and will say again the next time.
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "is not permitted to log in",
)


def database_key(postgres_conn_id: str, hook_params: Mapping[str, Any] | None) -> Hashable:
    """Tell databases, and the ways to reach them, apart."""
    return (postgres_conn_id, *sorted((key, repr(value)) for key, value in (hook_params or {}).items()))


async def find_target(postgres_conn_id: str, hook_params: Mapping[str, Any] | None = None) -> Target:
    """
    Return the database that an Airflow connection names.

    :param hook_params: arguments of the hook, of which ``database`` and ``options`` count here.
    """
    connection = await get_async_connection(postgres_conn_id)
    given = hook_params or {}
    return target(
        postgres_conn_id,
        host=connection.host,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        database=given.get("database") or connection.schema,
        extra=await get_async_extra_dejson(connection),
        options=given.get("options"),
    )


async def connect(database: Target) -> AsyncConnection:
    """
    Open a connection in autocommit mode, whose rows are dicts.

    :raises ConnectionFailed: if the server cannot be reached, or refuses.
    """
    try:
        return await psycopg.AsyncConnection.connect(**database.arguments)
    except psycopg.Error as error:
        raise connection_failed(error, database.place, database.password) from None


def ours(error: Exception, postgres_conn_id: str) -> Exception:
    """Return our error for one of the database's; any other stays as it is."""
    if isinstance(error, psycopg.Error):
        return translate(error, place=f"the database of connection '{postgres_conn_id}'")
    return error


def passes(error: Exception) -> bool:
    """Tell whether an error passes when the server is back, so that waiting makes sense."""
    if isinstance(error, ConnectionFailed):
        return not any(words in str(error) for words in _REFUSALS)
    return isinstance(error, (TimeoutError, OSError))


class AsyncSession:
    """
    The sessions of one program, one after the other: what `hooks.session.Session` is for a worker.

    A task that is cancelled takes its statement with it: psycopg cancels what the server is running.

    :param database: where to connect.
    :param log: where the server's messages go.
    """

    def __init__(self, database: Target, log: Any) -> None:
        self._database = database
        self._log = log
        self._connection: AsyncConnection | None = None
        self._notices: list[str] = []

    async def drive(self, program: Program[T]) -> T:
        """
        Run a program to its end, and close the session whatever happens.

        :raises psycopg.Error: what the program does not answer itself.
        """
        try:
            return await self._drive(program)
        finally:
            program.close()
            await self._close()

    async def _drive(self, program: Program[T]) -> T:
        try:
            step = next(program)
            while True:
                try:
                    reply = await self._answer(step)
                except psycopg.Error as error:
                    step = program.throw(error)
                else:
                    step = program.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answer(self, step: Run | Pause) -> Reply:
        if isinstance(step, Pause):
            await self._close()
            await asyncio.sleep(step.seconds)
            return Reply()
        if self._connection is None:
            self._connection = await connect(self._database)
            self._connection.add_notice_handler(self._hear)
        self._notices.clear()
        cursor = await self._connection.execute(step.sql, step.params)  # type: ignore[arg-type]
        rows = await cursor.fetchall() if cursor.description else ()
        return Reply(rows, tuple(self._notices))

    def _hear(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._notices.append(diagnostic.message_primary or "")
        log_notice(self._log, diagnostic)

    async def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
