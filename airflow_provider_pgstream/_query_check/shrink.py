"""Making a counterexample small: the fewest rows and changes that still show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from airflow_provider_pgstream._engines import scratch as sql
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._query_check.changes import Rows, referred_first
from airflow_provider_pgstream._query_check.play import History, Outcome, replay
from airflow_provider_pgstream._query_check.scratch import Scratch

T = TypeVar("T")

EXAMPLES = 3


@dataclass
class Shrinking:
    """
    The search for a smaller history that ends as one did.

    :param found: what ended so.
    :param deadline: when to end the search, by the monotonic clock.
    """

    scratch: Scratch
    found: Outcome
    deadline: float

    def run(self) -> Program[Outcome]:
        """Return the smallest outcome found, with examples of rows where it is wrong."""
        history = self.found.history
        if history.transactions:
            last = history.transactions[-1:]
            filled = tuple(_inserts(self.scratch, self.found.rows))
            if not (yield from self._ends_so(History(filled, last))):
                # Earlier changes matter.
                yield from self._fewer(
                    self.found.history.transactions[:-1],
                    lambda kept: replace(self._history, transactions=(*kept, *last)),
                )
        yield from self._fewer(self._history.before, lambda kept: replace(self._history, before=tuple(kept)))
        if len(self._history.transactions) == 1:
            yield from self._fewer(
                self._history.transactions[0],
                lambda kept: replace(self._history, transactions=(tuple(kept),)),
            )
        return self.found

    @property
    def _history(self) -> History:
        return self.found.history

    def _ends_so(self, history: History) -> Program[bool]:
        outcome = yield from replay(self.scratch, history, limit=EXAMPLES)
        if outcome.kind != self.found.kind:
            return False
        self.found = outcome
        return True

    def _fewer(self, parts: Sequence[T], history_of: Callable[[Sequence[T]], History]) -> Program[None]:
        """Leave out parts, many at once and then fewer, as long as it ends the same way."""
        kept = list(parts)
        size = max(1, len(kept) // 2)
        while kept:
            place = 0
            while place < len(kept):
                if time.monotonic() > self.deadline:
                    return
                fewer = kept[:place] + kept[place + size :]
                if (yield from self._ends_so(history_of(fewer))):
                    kept = fewer
                else:
                    place += size
            if size == 1:
                return
            size //= 2


def shrink(scratch: Scratch, found: Outcome, seconds: float) -> Program[Outcome]:
    """Return the smallest outcome of the kind that is found in some seconds."""
    return (yield from Shrinking(scratch, found, time.monotonic() + seconds).run())


def _inserts(scratch: Scratch, rows: Rows) -> list[str]:
    """Return statements that insert rows, one each."""
    return [
        sql.insert(scratch.copy_of(table), [column.sql for column in table.written], [row])
        for table in referred_first(scratch.behind.tables)
        for row in rows[table.oid]
    ]
