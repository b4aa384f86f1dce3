"""
Programs: what is to be said to the database, written once, without saying how it is sent.

A program is a generator. It yields a step and is sent a :class:`Reply`, or is thrown the database's own
``psycopg.Error``. The hook drives it with a ``psycopg.Connection``, a trigger with a
``psycopg.AsyncConnection``, both in autocommit mode with ``dict_row``: a program begins and commits its
transactions itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from psycopg import sql


@dataclass(frozen=True)
class Run:
    """
    A statement to run in the program's session, which is opened with the first one.

    Several statements may be one text if they take no parameters; the reply has the rows of the first of them
    that gives any.
    """

    sql: str | sql.Composable
    params: Mapping[str, Any] | Sequence[Any] | None = None


@dataclass(frozen=True)
class Pause:
    """
    End the session, then wait; the next :class:`Run` opens a new one. Is answered with an empty reply.

    :param seconds: how long; 0 only changes the session.
    """

    seconds: float = 0.0


@dataclass(frozen=True)
class Sleep:
    """Wait, and keep the session with the locks that it holds. Is answered with an empty reply."""

    seconds: float


@dataclass(frozen=True)
class Gather:
    """
    Run several programs at once, each in sessions of its own, while this one's session stays as it is.

    The reply's ``outcomes`` has what each returned, or the exception that it raised, in the same order.

    :param programs: the programs.
    :param limit: how many at a time.
    """

    programs: Sequence[Program[Any]]
    limit: int


@dataclass(frozen=True)
class Reply:
    """
    What came back.

    :param rows: the rows, as dicts; none where the statement returns none.
    :param notices: the texts of the server's messages, chatter included, in their order.
    :param outcomes: what the programs of a :class:`Gather` returned or raised.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    notices: Sequence[str] = ()
    outcomes: Sequence[Any] = ()


T = TypeVar("T")
Step: TypeAlias = Run | Pause | Sleep | Gather
Program: TypeAlias = Generator["Step", Reply, T]
