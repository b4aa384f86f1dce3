"""What a person is told of a query that was tried, and what to do."""

from __future__ import annotations

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._query_check.play import REFUSED, RIGHT, Outcome
from airflow_provider_pgstream._query_check.scratch import Scratch

IN_FULL = "create it with refresh_mode='FULL', which computes it anew at each refresh and is right"

KEYS = (
    "whatever the query is, this engine goes wrong where a row's primary key is updated, and the row "
    "otherwise, too, between two refreshes"
)


def unknown(why: str) -> str:
    """Return the sentence about a query that cannot be tried."""
    return f"the query could not be tried: {why}"


def sentence_of(outcome: Outcome, scratch: Scratch, seed: int) -> str:
    """Return the sentence about one that was."""
    done = len(outcome.history.transactions)
    engine = scratch.installation.engine
    where = f"in {scratch.refresh_mode} mode on {engine.extension} {engine.found.version}"
    if outcome.kind == RIGHT:
        but = f"; but {KEYS}" if engine.mixes_up_keys else ""
        return f"the query stayed right {where}: {done} random changes, seed {seed}{but}"
    advice = "" if scratch.refresh_mode == words.FULL else f"; {IN_FULL}"
    if outcome.error is not None:
        what = "is refused" if outcome.kind == REFUSED else f"fails {_after(done)}"
        said = scratch.original(str(outcome.error)).rstrip(".")
        return f"the query {what} {where}: {said}{advice if IN_FULL[:25] not in said else ''}"
    rows = outcome.difference
    return (
        f"the query goes wrong {where}: {_after(done)}, with {len(outcome.history.before)} rows before, the "
        f"stream table has {rows.surplus} rows too many and lacks {rows.missing}{advice}"
    )


def _after(changes: int) -> str:
    return f"after {changes} change{'' if changes == 1 else 's'}"
