"""One transaction of a program: committed, or given back with every lock."""

from __future__ import annotations

from typing import TypeVar

import psycopg

from airflow_provider_pgstream import queries
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.program import Program, Run
from airflow_provider_pgstream.translation import Place, translate

T = TypeVar("T")


def in_transaction(
    body: Program[T],
    *,
    name: str | None = None,
    place: Place | None = None,
    creating: bool = False,
    begin: str = queries.BEGIN,
    end: str = queries.COMMIT,
) -> Program[T]:
    """
    Run a program's part in one transaction.

    :param name: the stream table that it is about, and ``place`` the database, for messages.
    :param creating: whether errors are about the query of a new stream table.
    :param end: ``commit``, or ``rollback`` for a trial.
    :raises PgStreamError: nothing is changed and no lock is left then.
    """
    yield Run(begin)
    try:
        result = yield from body
        yield Run(end)
    except psycopg.Error as error:
        yield from give_everything_back()
        raise translate(error, stream_table=name, place=place, creating=creating) from None
    except PgStreamError:
        yield from give_everything_back()
        raise
    return result


def give_everything_back() -> Program[None]:
    """Leave no transaction and no advisory lock; a session that is gone has none."""
    try:
        yield Run(queries.ROLLBACK)
        yield Run(queries.UNLOCK_ALL)
    except psycopg.OperationalError:
        return
