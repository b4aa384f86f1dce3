"""One connection and one look per poll interval for all triggers of a process that watch one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import sql

from airflow_provider_pgstream.hooks.pgstream_async import AsyncConnection, Database

Look = Callable[[AsyncConnection, list[str]], Awaitable[Any]]

# Seconds. A broken connection is tried again that often, however rarely the triggers want to look.
RECONNECT_AFTER = 1.0
# A look that takes longer is given up and the connection with it: the network swallows packets silently.
LOOK_TIMEOUT = 60.0
# Notifications hasten the next look, but never to less than this after the last one.
SHORTEST_GAP = 0.5


@dataclass(frozen=True)
class Unreachable:
    """What is seen when there was no looking: the database was not reached, or refused the query."""

    error: Exception


@dataclass(eq=False, frozen=True)
class Wish:
    """What one trigger wants to see.

    :param look: sees everything under the names given to it, in one query.
    :param names: what to look at.
    :param interval: seconds between looks; others' wishes may make it less.
    :param channel: a channel whose notifications hasten the next look.
    """

    look: Look
    names: frozenset[str]
    interval: float
    channel: str | None = None


class SharedLook:
    """Looks at one database for all who made a wish, for as long as there is one.

    What is looked at is the state of things, never an event: a look that a broken connection swallowed is
    made good by the next one. Get it from :func:`looks`, which keeps one per database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wishes: set[Wish] = set()
        self._listening: set[str] = set()
        self._turned = asyncio.Condition()
        self._turn = 0
        self._seen: dict[Look, tuple[frozenset[str], Any]] | Unreachable = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        return not self._wishes

    def add(self, wish: Wish) -> None:
        self._wishes.add(wish)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="pg_stream: shared look")

    async def discard(self, wish: Wish) -> None:
        self._wishes.discard(wish)
        if self.idle and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def follow(self, wish: Wish) -> AsyncGenerator[Any, None]:
        """Yield what was seen, or :class:`Unreachable`; whoever is slow gets the newest only."""
        turn = self._turn
        while True:
            async with self._turned:
                await self._turned.wait_for(lambda: self._turn > turn)  # noqa: B023 - awaited at once
                turn, seen = self._turn, self._seen
            if isinstance(seen, Unreachable):
                yield seen
            elif wish.look in seen and wish.names <= seen[wish.look][0]:
                yield seen[wish.look][1]

    async def _run(self) -> None:
        while True:
            try:
                await self._look_until_it_breaks()
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must learn of it
                await self._tell(Unreachable(self._database.ours(error)))
                await asyncio.sleep(RECONNECT_AFTER)

    async def _look_until_it_breaks(self) -> None:
        async with asyncio.timeout(LOOK_TIMEOUT):
            connection = await self._database.connect()
        self._listening.clear()
        try:
            while True:
                async with asyncio.timeout(LOOK_TIMEOUT):
                    await self._look(connection)
                await self._pause(connection)
        finally:
            # Not `async with`: it rolls back first, and if cancelled there leaves the connection open.
            await connection.close()

    async def _look(self, connection: AsyncConnection) -> None:
        # LISTEN first: what happens between it and the look is seen by the look.
        for channel in {wish.channel for wish in self._wishes if wish.channel} - self._listening:
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            self._listening.add(channel)
        seen: dict[Look, tuple[frozenset[str], Any]] = {}
        for look in {wish.look for wish in self._wishes}:
            names = frozenset().union(*(wish.names for wish in self._wishes if wish.look == look))
            seen[look] = (names, await look(connection, sorted(names)))
        await self._tell(seen)

    async def _tell(self, seen: dict[Look, tuple[frozenset[str], Any]] | Unreachable) -> None:
        async with self._turned:
            self._turn += 1
            self._seen = seen
            self._turned.notify_all()

    async def _pause(self, connection: AsyncConnection) -> None:
        """Sleep until the most impatient wish is due again, or a notification came.

        In slices, because a more impatient wish may be added meanwhile.
        """
        began = time.monotonic()
        while self._wishes:
            slept = time.monotonic() - began
            left = min(wish.interval for wish in self._wishes) - slept
            if left <= 0:
                return
            if slept < SHORTEST_GAP or not self._listening:
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


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, SharedLook]] = WeakKeyDictionary()


@asynccontextmanager
async def looks(database: Database, wish: Wish) -> AsyncGenerator[AsyncGenerator[Any, None]]:
    """Join those who look at a database, and yield what is seen from the next look on.

    :param database: what to look at; those with equal keys share one connection.
    :param wish: what to look at.
    """
    of_this_loop = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = of_this_loop.setdefault(database.key, SharedLook(database))
    shared.add(wish)
    seen = shared.follow(wish)
    try:
        yield seen
    finally:
        await seen.aclose()
        await shared.discard(wish)
        if shared.idle and of_this_loop.get(database.key) is shared:
            del of_this_loop[database.key]
