"""Connections and programs for triggers, which must never block their event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.postgres.hooks.postgres import PostgresHook
from asgiref.sync import sync_to_async
from psycopg.rows import DictRow

from airflow_provider_pgstream._engines.connections import Target, target
from airflow_provider_pgstream._engines.detect import Installation, detect, unknown
from airflow_provider_pgstream._engines.errors import connection_failed, translate
from airflow_provider_pgstream._engines.programs import Gather, Pause, Program, Reply, Run, Sleep, Step
from airflow_provider_pgstream._engines.statements import NOTICE_DEAD_CLIENTS
from airflow_provider_pgstream.exceptions import ConnectionFailed, PgStreamError
from airflow_provider_pgstream.hooks._session import log_notice

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


class Database:
    """
    The database that an Airflow connection names, as triggers reach it.

    :param postgres_conn_id: the Airflow connection.
    :param hook_params: arguments of the hook, of which ``database`` and ``options`` count here.
    """

    def __init__(self, postgres_conn_id: str, hook_params: Mapping[str, Any] | None = None) -> None:
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = dict(hook_params or {})
        self._target: Target | None = None
        self._installation: Installation | None = None

    @property
    def key(self) -> Hashable:
        """Tell databases, and the ways to reach them, apart."""
        return (
            self.postgres_conn_id,
            *sorted((name, repr(value)) for name, value in self.hook_params.items()),
        )

    async def target(self) -> Target:
        """Return host, login and the rest, as Airflow has them at this moment."""
        connection = await get_async_connection(self.postgres_conn_id)
        extra = await get_async_extra_dejson(connection)
        login, password, port = connection.login, connection.password, connection.port
        if extra.get("iam", False):
            hook = PostgresHook(postgres_conn_id=self.postgres_conn_id)
            login, password, port = await sync_to_async(hook.get_iam_token)(connection)
        self._target = target(
            self.postgres_conn_id,
            host=connection.host,
            port=port,
            login=login,
            password=password,
            database=self.hook_params.get("database") or connection.schema,
            extra=extra,
            options=self.hook_params.get("options"),
        )
        return self._target

    async def connect(self) -> AsyncConnection:
        """
        Open a connection in autocommit mode, whose rows are dicts.

        :raises ConnectionFailed: if the server cannot be reached, or refuses.
        """
        goal = await self.target()
        try:
            return await psycopg.AsyncConnection.connect(**goal.arguments)
        except psycopg.Error as error:
            # Without the cause: libpq's text may hold the conninfo.
            raise connection_failed(error, goal.place, goal.password) from None

    async def detect(self, connection: AsyncConnection) -> Installation:
        """
        Return the engine at the other end of a connection that :meth:`connect` opened.

        :raises EngineNotInstalled: if there is none.
        """
        place = (self._target or await self.target()).place
        self._installation = await read(connection, detect(place))
        return self._installation

    def ours(self, error: Exception) -> Exception:
        """Return our error for one of the database's; any other stays as it is."""
        if isinstance(error, psycopg.Error) and self._target is not None:
            return translate(error, self._installation or unknown(self._target.place))
        return error


def is_transient(error: Exception) -> bool:
    """Tell whether an error ends when the server is back, so that waiting makes sense."""
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

    def __init__(self, database: Database, log: Any) -> None:
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
            return await _drive(program, self._answer)
        finally:
            program.close()
            await self._close()

    async def _answer(self, step: Step) -> Reply:
        match step:
            case Pause():
                await self._close()
                await asyncio.sleep(step.seconds)
                return Reply()
            case Sleep():
                await asyncio.sleep(step.seconds)
                return Reply()
            case Gather():
                return Reply(outcomes=await self._gather(step))
            case Run():
                return await self._execute(step)

    async def _execute(self, step: Run) -> Reply:
        if self._connection is None:
            self._connection = await self._database.connect()
            self._connection.add_notice_handler(self._hear)
            await self._connection.execute(NOTICE_DEAD_CLIENTS)
        self._notices.clear()
        return Reply(await _rows(self._connection, step), tuple(self._notices))

    async def _gather(self, step: Gather) -> list[Any]:
        places = asyncio.Semaphore(step.limit)

        async def drive(program: Program[Any]) -> Any:
            async with places:
                return await AsyncSession(self._database, self._log).drive(program)

        outcomes = await asyncio.gather(*map(drive, step.programs), return_exceptions=True)
        if cancelled := [outcome for outcome in outcomes if isinstance(outcome, asyncio.CancelledError)]:
            raise cancelled[0]
        return list(outcomes)

    def _hear(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._notices.append(diagnostic.message_primary or "")
        log_notice(self._log, diagnostic)

    async def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


async def read(connection: AsyncConnection, program: Program[T]) -> T:
    """
    Run a program that only reads, over a connection that stays open.

    :raises psycopg.Error: what the program does not answer itself.
    """

    async def answer(step: Step) -> Reply:
        if not isinstance(step, Run):
            raise TypeError(f"{type(step).__name__} has no place in a session that others share")
        return Reply(await _rows(connection, step))

    return await _drive(program, answer)


async def _drive(program: Program[T], answer: Callable[[Step], Awaitable[Reply]]) -> T:
    try:
        step = next(program)
        while True:
            try:
                reply = await answer(step)
            except (psycopg.Error, PgStreamError) as error:
                step = program.throw(error)
            else:
                step = program.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


async def _rows(connection: AsyncConnection, step: Run) -> Sequence[DictRow]:
    cursor = await connection.execute(step.sql, step.params)  # type: ignore[arg-type]
    while cursor.description is None and cursor.nextset():
        pass
    return await cursor.fetchall() if cursor.description else ()
