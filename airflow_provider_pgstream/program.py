"""
Programs: what is to be said to the database, written once, without saying how it is sent.

A program is a generator. It yields :class:`Run` and is sent a :class:`Reply`, or is thrown the database's own
``psycopg.Error``; it yields :class:`Pause` to end its session and have nothing held while it waits. The hook
drives it with a ``psycopg.Connection``, a trigger with a ``psycopg.AsyncConnection``, both in autocommit mode
with ``dict_row``: a program begins and commits its transactions itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from psycopg import sql


@dataclass(frozen=True)
class Run:
    """A statement to run in the program's session, which is opened with the first one."""

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
class Reply:
    """
    What came back.

    :param rows: the rows, as dicts; none where the statement returns none.
    :param notices: the texts of the server's messages, chatter included, in their order.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    notices: Sequence[str] = ()


T = TypeVar("T")
Program: TypeAlias = Generator["Run | Pause", Reply, T]
