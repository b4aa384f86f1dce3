"""The refresh as the provider sends it, recorded, and written as a session of the isolation tester."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.rows import dict_row

from airflow_provider_pgstream._engines import statements
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.programs import Reply, Run
from airflow_provider_pgstream._stream_tables import refresh
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream.hooks._session import Session

PHASES = ("lock", "begin", "share", "boundary", "decide", "refresh", "frontier", "commit")
CALL = "refresh_stream_table("
PARTS = {
    "each step": [[phase] for phase in PHASES],
    "four steps": [["lock", "begin"], ["share", "boundary"], ["decide", "refresh"], ["frontier", "commit"]],
    "two steps": [list(PHASES[:4]), list(PHASES[4:])],
}

# Where a session keeps the position: a sequence survives `rollback to savepoint`; a temporary one writes
# no WAL.
KEEPING = "create temp sequence position"
KEPT = "('0/0'::pg_lsn + currval('pg_temp.position'))::text"

# What of a stream table's row the provider decides by.
DECIDING = (
    "jsonb_agg(jsonb_build_array(q.pgs_id, q.status, q.refresh_mode, q.is_populated,"
    " q.needs_reinit and q.is_populated, q.query, q.sources, q.detached))"
)


@dataclass(frozen=True)
class Statement:
    """
    One statement of a refresh.

    :param phase: the step of the protocol that it belongs to.
    :param text: what is sent, its values bound.
    """

    phase: str
    text: str


class Recorder(Session):
    """Drives a program on a real server, changes nothing there, and keeps what was sent."""

    def __init__(self, connect: Any, installation: Installation) -> None:
        super().__init__(connect, logging.getLogger(__name__))
        self.engine = installation.engine
        self.statements: list[Statement] = []
        self.phase = "lock"
        self.position: str | None = None

    def _execute(self, step: Run) -> Reply:
        opened = self._connection
        if opened is None:
            opened = self._connection = self._connect()
            opened.add_notice_handler(self._hear)
        text = self._bound(step, opened)
        called = any(CALL in statement.text for statement in self.statements)
        self.phase = _phase(text, self.phase, called=called)
        if text == statements.COMMIT:
            self._keep(f"{text}; {statements.UNLOCK_ALL}")
            return super()._execute(Run(statements.ROLLBACK))
        idle = opened.info.transaction_status == pq.TransactionStatus.IDLE
        changes = idle and text.lstrip().startswith("update")
        if changes:
            opened.execute("begin")
        reply = super()._execute(step)
        if changes:
            opened.execute("rollback")
        if self.phase == "boundary":
            self.position = str(reply.rows[0]["position"])
        self._keep(self._in_the_spec(text, opened))
        return reply

    def _bound(self, step: Run, connection: Any) -> str:
        if step.params is None:
            return step.sql if isinstance(step.sql, str) else step.sql.as_string(connection)
        return psycopg.ClientCursor(connection).mogrify(step.sql, step.params)  # type: ignore[arg-type]

    def _keep(self, text: str) -> None:
        self.statements.append(Statement(self.phase, text))

    def _in_the_spec(self, text: str, connection: Any) -> str:
        """Return a statement so that what the program does with its reply is done in the session itself."""
        if self.phase == "boundary":
            taking, rest = text.split(";", 1)
            return f"select setval('pg_temp.position', (({taking})::pg_lsn - '0/0')::bigint);{rest}"
        # How far the readers of a buffer are moves with each refresh; what counts is what is found there.
        moves = "min(f.lsn)" in text
        if self.phase == "decide" and not moves and not text.startswith(("explain", "update")):
            is_catalog = "as storage_oid" in text
            what = DECIDING if is_catalog else "jsonb_agg(to_jsonb(q))"
            asked = f"select md5(({what})::text) from ({text}) q"
            (found,) = connection.execute(asked).fetchone().values()
            text = f"select iso.decided(({asked}) is not distinct from {sql.Literal(found).as_string()})"
        return text.replace(f"'{self.position}'", KEPT) if self.position else text


def _phase(text: str, before: str, *, called: bool) -> str:
    """Return the step of the protocol that a statement belongs to, given the one before it."""
    if text == statements.COMMIT:
        return "commit"
    match before:
        case "lock":
            # What cleans a buffer up is a transaction of its own.
            return "begin" if text.startswith("begin") and not text.endswith("commit") else before
        case "begin" if "as storage_oid" in text:
            return "decide"
        case "begin":
            return "share" if text.startswith("savepoint") else before
        case "share":
            return "boundary" if text.startswith("select") else before
        case "boundary":
            return "decide"
        case "decide":
            return "refresh" if text.startswith("set local lock_timeout") else before
        case _:
            return "frontier" if called else before


def record(dsn: str, installation: Installation, table: str, options: RefreshOptions) -> list[Statement]:
    """Return the statements with which the provider would refresh a stream table now."""
    arguments: dict[str, Any] = {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None}
    recorder = Recorder(lambda: psycopg.connect(dsn, **arguments), installation)
    recorder.drive(refresh.refresh(table, options, installation))
    sent = recorder.statements
    first = next(i for i, statement in enumerate(sent) if statement.phase == "decide")
    sent.insert(first, Statement("decide", f"select iso.must_hold('{table}')"))
    called = next(i for i, statement in enumerate(sent) if CALL in statement.text)
    sent.insert(called + 1, Statement("refresh", f"select iso.must_be_right('{table}')"))
    return sent


def session(name: str, sent: list[Statement], parts: str) -> Iterator[str]:
    """Write a refresh as a session of a spec."""
    yield f"session {name}"
    yield f"setup {{ {KEEPING} }}"
    for number, phases in enumerate(PARTS[parts], start=1):
        texts = [statement.text for statement in sent if statement.phase in phases]
        if {"lock", "begin"} <= set(phases):
            # Several statements in one string are one transaction, which BEGIN would find begun.
            texts.insert(len([s for s in sent if s.phase == "lock"]), statements.COMMIT)
        if texts:
            yield f"step {name}{number} {{ {quoted('; '.join(texts))} }}"


def quoted(text: str) -> str:
    """Return SQL without braces, which end a step: those in literals are written as escapes."""

    def escaped(literal: re.Match[str]) -> str:
        if not set("{}") & set(literal[0]):
            return literal[0]
        inner = literal[0].replace("\\", "\\\\").replace("{", "\\007B").replace("}", "\\007D")
        return f"U&{inner}"

    return re.sub(r"'(?:[^']|'')*'", escaped, " ".join(text.split()))
