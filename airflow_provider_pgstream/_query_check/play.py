"""Playing a history: what the tables held at first, and the transactions, each compared after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._query_check.changes import Changes, Rows
from airflow_provider_pgstream._query_check.scratch import EQUAL, Difference, Refused, Scratch
from airflow_provider_pgstream.exceptions import (
    ConnectionFailed,
    InsufficientPrivilege,
    PgStreamError,
    RefreshInProgress,
    SourceLocked,
)

RIGHT, WRONG, FAILS, REFUSED = "right", "wrong", "fails", "refused"

NOT_ITS_FAULT = (
    ConnectionFailed,
    InsufficientPrivilege,
    RefreshInProgress,
    SourceLocked,
)
"""What says nothing about a query."""

Transaction = tuple[str, ...]


@dataclass(frozen=True)
class History:
    """
    What was done.

    :param before: the statements that filled the tables, before the stream table was created.
    :param transactions: what was changed after that; a refresh followed each.
    """

    before: Transaction = ()
    transactions: tuple[Transaction, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """
    What came of it.

    :param kind: right, wrong, fails or refused.
    :param history: what was done until then.
    :param rows: the rows before the last transaction.
    :param error: why it fails or is refused.
    :param refused: how often the query could not take the rows, and how it failed the last time.
    """

    kind: str
    history: History
    rows: Rows
    difference: Difference = EQUAL
    error: PgStreamError | None = None
    refused: tuple[int, str] = (0, "")


def play(
    scratch: Scratch,
    before: Sequence[str],
    transactions: int,
    draw: Callable[[int, Rows], Sequence[str]],
    *,
    limit: int = 0,
) -> Program[Outcome]:
    """
    Fill the tables, create the stream table, and change, refresh and compare until it goes wrong.

    :param transactions: how many changes there are.
    :param draw: the change of a number, for the rows that there are.
    :param limit: how many rows that differ are shown.
    """
    done = yield from _fill(scratch, before)
    refused = 0, ""
    rows = yield from scratch.rows()
    try:
        yield from scratch.create_stream_tables()
    except PgStreamError as error:
        if isinstance(error, NOT_ITS_FAULT):
            raise
        return Outcome(REFUSED, History(done), rows, error=error)
    if found := (yield from scratch.compare(limit)):
        return Outcome(WRONG, History(done), rows, found)
    history: list[Transaction] = []
    for number in range(transactions):
        drawn = tuple(draw(number, rows))
        try:
            history.append((yield from scratch.transact(drawn)))
        except Refused as why:
            refused = refused[0] + 1, str(why)
            continue
        except PgStreamError as error:
            history.append(drawn)
            return _failed(error, done, history, rows)
        try:
            yield from scratch.refresh()
        except PgStreamError as error:
            return _failed(error, done, history, rows)
        if found := (yield from scratch.compare(limit)):
            return Outcome(WRONG, History(done, tuple(history)), rows, found)
        rows = yield from scratch.rows()
    return Outcome(RIGHT, History(done, tuple(history)), rows, refused=refused)


def _failed(error: PgStreamError, done: Transaction, history: Sequence[Transaction], rows: Rows) -> Outcome:
    if isinstance(error, NOT_ITS_FAULT):
        raise error
    return Outcome(FAILS, History(done, tuple(history)), rows, error=error)


def replay(scratch: Scratch, history: History, *, limit: int = 0) -> Program[Outcome]:
    """Play a history again, on tables that are emptied first."""
    yield from scratch.reset()
    transactions = history.transactions
    return (
        yield from play(
            scratch, history.before, len(transactions), lambda number, _: transactions[number], limit=limit
        )
    )


def play_randomly(scratch: Scratch, changes: Changes, transactions: int) -> Program[Outcome]:
    """Play a history that is drawn as it goes."""
    changes.plan(transactions)
    return (
        yield from play(
            scratch,
            changes.first_rows(),
            transactions,
            changes.transaction,
        )
    )


def _fill(scratch: Scratch, statements: Sequence[str]) -> Program[Transaction]:
    """Fill the tables; where the query cannot take all of the rows, with those that it can."""
    if not statements:
        return ()
    try:
        return (yield from scratch.transact(statements))
    except Refused:
        done: list[str] = []
        for statement in statements:
            try:
                done += yield from scratch.transact([statement])
            except Refused:
                continue
        return tuple(done)
