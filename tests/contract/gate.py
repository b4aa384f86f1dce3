"""A function in a stream table's query that holds whoever computes its rows, until the test lets it go on."""

from __future__ import annotations

from typing import Any

from tests.contract.scene import Scene

WAITS = "select exists (select from pg_locks where locktype = 'advisory' and objid = 4711 and not granted)"


class Gate:
    """The gate ``public.gate(id)``, open at first."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.session = scene.engine.connect()
        scene.engine.run(
            "create function public.gate(id int) returns int immutable language plpgsql as"
            " $$ begin perform pg_advisory_xact_lock_shared(4711); return id; end $$"
        )

    def close(self) -> None:
        self.session.execute("select pg_advisory_lock(4711)")

    def open(self) -> None:
        self.session.execute("select pg_advisory_unlock(4711)")

    def await_somebody(self, refresh: Any) -> None:
        """Await that somebody stands there, for as long as a refresh goes on."""
        while not self.scene.engine.one(WAITS):
            assert not refresh.done(), "the refresh did not come to the gate"
