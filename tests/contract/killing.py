"""A refresher that dies after each step that it takes."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from psycopg.rows import dict_row

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.programs import Reply, Run
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.hooks._session import Session


class Killed(BaseException):
    """The worker is gone; no program can answer that."""


class Dying(Session):
    """Drives a program as far as a number of statements, and is dead then."""

    def __init__(self, connect: Any, steps: int) -> None:
        super().__init__(connect, logging.getLogger(__name__))
        self.left = steps

    def _execute(self, step: Run) -> Reply:
        reply = super()._execute(step)
        self.left -= 1
        if self.left == 0:
            assert self._connection is not None
            self._connection.close()
            raise Killed
        return reply


def killed_after_each_step(scene: Any, name: str) -> None:
    """Begin a refresh again and again, each time killed a step later, with a change after each."""
    steps = 0
    while True:
        steps += 1
        session = Dying(lambda: _connect(scene.engine.dsn), steps)
        scene.insert(steps)
        try:
            session.drive(RefreshPlan([name], on_busy="wait").program(Place(None, None, None, "killed")))
        except Killed:
            continue
        break
    # Detection, the catalog, the lock, the boundary, the decision, the refresh, the frontier and the commit.
    assert steps > 12, f"the whole refresh had {steps - 1} steps only"


def _connect(dsn: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(dsn, autocommit=True, row_factory=dict_row, prepare_threshold=None)
