"""One transaction of a program: committed, or rolled back without leaving a lock."""

from __future__ import annotations

from typing import TypeVar

import psycopg

from airflow_provider_pgstream._engines import statements
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.errors import translate
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.exceptions import PgStreamError

T = TypeVar("T")


def in_transaction(
    body: Program[T],
    installation: Installation,
    name: str | None = None,
    *,
    creating: bool = False,
    begin: str = statements.BEGIN,
    end: str = statements.COMMIT,
) -> Program[T]:
    """
    Run a program's part in one transaction.

    :param name: the stream table that it is about, for messages.
    :param creating: whether errors are about the query of a new stream table.
    :param end: ``commit``, or ``rollback`` for a trial.
    :raises PgStreamError: nothing is changed and no lock is left then.
    """
    yield Run(begin)
    try:
        result = yield from body
        yield Run(end)
    except psycopg.Error as error:
        yield from roll_back()
        raise translate(error, installation, stream_table=name, creating=creating) from None
    except PgStreamError:
        yield from roll_back()
        raise
    return result


def roll_back() -> Program[None]:
    """Leave no transaction and no advisory lock; a session that was lost has none."""
    try:
        yield Run(statements.ROLLBACK)
        yield Run(statements.UNLOCK_ALL)
    except psycopg.OperationalError:
        return
