"""Where a case plays: a source, its stream tables, and one way to refresh them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.contract.ways import Way

# A few show that the emulator takes the protocol; of rows it is the real engine that tells.
ROUNDS = 200 if os.environ.get("PGSTREAM_FULL") else 25 if os.environ.get("PGSTREAM_TEST_DSN") else 5
OF_DBT = frozenset({"pgstream_refresh", "pgstream_refresh_all", "materialization"})
"""Ways that take a start of dbt for each refresh."""
TOTALS = "select g, sum(v) as total from public.events group by g"
LARGE = "select id, g, v from public.events where v > 50"
WAITS = "select exists (select from pg_locks where not granted and relation = 'public.events'::regclass)"


class Scene:
    """
    A table ``public.events`` of 400 rows, and what is done with it.

    :param engine: SQL in sessions of its own.
    :param way: how stream tables are refreshed.
    """

    def __init__(self, engine: Any, conn_id: str, way: Way, way_name: str) -> None:
        self.engine = engine
        self.conn_id = conn_id
        self.way = way
        self.way_name = way_name
        self.rounds = ROUNDS // 5 if way_name in OF_DBT else ROUNDS
        self.queries: dict[str, str] = {}
        engine.run(
            "create table events (id int generated always as identity primary key, g int not null,"
            " v int not null)",
            "insert into events (g, v) select i % 20, i % 100 from generate_series(1, 400) i",
        )

    def create(
        self, name: str = "public.t", query: str = TOTALS, *, refreshed: bool = True, **named: Any
    ) -> str:
        """Create a stream table, populated unless it is said otherwise."""
        self.queries[name] = query
        self.engine.create(name, query, initialize=False, **named)
        if refreshed:
            self.refresh(name, by="hook")
        return name

    def refresh(
        self, *names: str, by: str | None = None, hook_params: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """Refresh, in the way that is tried."""
        from tests.contract.ways import WAYS

        way = WAYS[by] if by else self.way
        way(list(names or ["public.t"]), self.conn_id, hook_params or {}, **options)

    def insert(self, v: int = 60, session: psycopg.Connection[Any] | None = None) -> None:
        (session or self.engine.main).execute("insert into events (g, v) values (3, %s)", [v])

    def assert_right(self, *names: str) -> None:
        """Hold each stream table to equal its query."""
        for name in names or self.queries:
            assert self.engine.difference(name, self.queries[name]) == {}, name

    def count(self, relation: str) -> int:
        return int(self.engine.one(f"select count(*) from {relation}"))

    def await_waiting(self, beside: Callable[[], bool]) -> None:
        """Await that somebody waits for the lock on the source, for as long as something goes on."""
        while not self.engine.one(WAITS):
            assert beside(), "it ended, and did not wait for the lock on its source"

    @contextmanager
    def beside(self, call: Callable[[], Any]) -> Iterator[Any]:
        """Run a call in a thread; its result is awaited at the end of the block."""
        with ThreadPoolExecutor(1) as threads:
            future = threads.submit(call)
            yield future
            future.result(timeout=120)

    @contextmanager
    def again_and_again(self, call: Callable[[], Any]) -> Iterator[None]:
        """Repeat a call in a thread while the block runs."""
        stop = threading.Event()

        def repeat() -> None:
            while not stop.is_set():
                call()

        with ThreadPoolExecutor(1) as threads:
            future = threads.submit(repeat)
            try:
                yield
            finally:
                stop.set()
            future.result(timeout=120)
