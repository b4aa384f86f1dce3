"""One connection and one poll per interval for all triggers of a process that watch one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import sql

from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream.hooks._async import AsyncConnection, Database

Poll = Callable[[AsyncConnection, Engine, list[str]], Awaitable[Any]]
"""Fetches everything under the names given to it, in one query."""

RECONNECT_AFTER = 1.0
"""Seconds until a broken connection is tried again, however rarely the triggers want to poll."""

POLL_TIMEOUT = 60.0
"""Seconds after which a poll and its connection are given up: the network drops packets silently."""

SHORTEST_GAP = 0.5
"""Seconds between two polls at least, even if notifications hasten them."""


@dataclass(frozen=True)
class Unreachable:
    """Stands for what was not seen: the database was not reached, or refused a query."""

    error: Exception


@dataclass(eq=False, frozen=True)
class Subscription:
    """
    What one trigger wants to be told.

    :param poll: what fetches it; triggers with the same function share its query.
    :param names: stream tables to fetch.
    :param interval: seconds between polls; others' subscriptions may make it less.
    :param listens: whether the engine's notifications hasten the next poll.
    """

    poll: Poll
    names: frozenset[str]
    interval: float
    listens: bool = False


class SharedPoll:
    """
    Polls one database for all subscriptions, for as long as there is one.

    What is fetched is the state of things, never an event: the poll after a lost one makes up for it. Get it
    from :func:`polls`, which keeps one per database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscriptions: set[Subscription] = set()
        self._listens = False
        self._changed = asyncio.Condition()
        self._round = 0
        self._seen: dict[Poll, tuple[frozenset[str], Any]] | Unreachable = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        return not self._subscriptions

    def add(self, subscription: Subscription) -> None:
        self._subscriptions.add(subscription)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="pg_stream: shared poll")

    async def discard(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        if self.idle and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def follow(self, subscription: Subscription) -> AsyncGenerator[Any, None]:
        """Yield what was seen, or :class:`Unreachable`; whoever is slow gets the newest only."""
        round_ = self._round
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._round > round_)  # noqa: B023 - awaited at once
                round_, seen = self._round, self._seen
            if isinstance(seen, Unreachable):
                yield seen
            elif subscription.poll in seen and subscription.names <= seen[subscription.poll][0]:
                yield seen[subscription.poll][1]

    async def _run(self) -> None:
        while True:
            try:
                await self._poll_until_it_breaks()
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must learn of it
                await self._publish(Unreachable(self._database.ours(error)))
                await asyncio.sleep(RECONNECT_AFTER)

    async def _poll_until_it_breaks(self) -> None:
        async with asyncio.timeout(POLL_TIMEOUT):
            connection = await self._database.connect()
        self._listens = False
        try:
            async with asyncio.timeout(POLL_TIMEOUT):
                engine = (await self._database.detect(connection)).engine
            while True:
                async with asyncio.timeout(POLL_TIMEOUT):
                    await self._poll(connection, engine)
                await self._pause(connection)
        finally:
            # Not `async with`: it rolls back first, and if cancelled there leaves the connection open.
            await connection.close()

    async def _poll(self, connection: AsyncConnection, engine: Engine) -> None:
        # LISTEN first: what happens between it and the poll is seen by the poll.
        if not self._listens and any(subscription.listens for subscription in self._subscriptions):
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(engine.alert_channel)))
            self._listens = True
        seen: dict[Poll, tuple[frozenset[str], Any]] = {}
        for poll in {subscription.poll for subscription in self._subscriptions}:
            names = frozenset().union(*(s.names for s in self._subscriptions if s.poll == poll))
            seen[poll] = (names, await self._poll_one(poll, connection, engine, names))
        await self._publish(seen)

    async def _poll_one(
        self, poll: Poll, connection: AsyncConnection, engine: Engine, names: frozenset[str]
    ) -> Any:
        """Fetch for those who share one query; what the server refuses them does not concern the others."""
        try:
            return await poll(connection, engine, sorted(names))
        except TimeoutError:
            raise
        except Exception as error:
            if connection.closed:
                raise
            return Unreachable(self._database.ours(error))

    async def _publish(self, seen: dict[Poll, tuple[frozenset[str], Any]] | Unreachable) -> None:
        async with self._changed:
            self._round += 1
            self._seen = seen
            self._changed.notify_all()

    async def _pause(self, connection: AsyncConnection) -> None:
        """
        Sleep until the subscription with the shortest interval is due again, or a notification came.

        In slices, because one with a shorter interval may be added meanwhile.
        """
        began = time.monotonic()
        while self._subscriptions:
            slept = time.monotonic() - began
            left = min(subscription.interval for subscription in self._subscriptions) - slept
            if left <= 0:
                return
            if slept < SHORTEST_GAP or not self._listens:
                await asyncio.sleep(min(left, SHORTEST_GAP))
            elif await _notified(connection, min(left, SHORTEST_GAP)):
                return


async def _notified(connection: AsyncConnection, seconds: float) -> bool:
    """Wait for a notification. What it says is not read: it may be cut, no JSON, or one of thousands."""
    try:
        async for _ in connection.notifies(timeout=seconds, stop_after=1):
            return True
    except UnicodeDecodeError:  # a server without an encoding passes any bytes on
        return True
    return False


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, SharedPoll]] = WeakKeyDictionary()


@asynccontextmanager
async def polls(database: Database, subscription: Subscription) -> AsyncGenerator[AsyncGenerator[Any, None]]:
    """
    Subscribe to the polls of a database, and yield what is seen from the next one on.

    :param database: what to poll; those with equal keys share one connection.
    :param subscription: what to fetch.
    """
    of_this_loop = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = of_this_loop.setdefault(database.key, SharedPoll(database))
    shared.add(subscription)
    seen = shared.follow(subscription)
    try:
        yield seen
    finally:
        await seen.aclose()
        await shared.discard(subscription)
        if shared.idle and of_this_loop.get(database.key) is shared:
            del of_this_loop[database.key]
