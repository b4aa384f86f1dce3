"""
The check of one query: on copies of its tables, in a schema that is dropped again.

The session of the check does the changes and the comparisons, and shows by a lock that the schema is in use;
each refresh has a session of its own, as always.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg

from airflow_provider_pgstream._arguments import parse_rendered
from airflow_provider_pgstream._engines import admission, scratch, shapes, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.errors import translate
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._query_check.changes import Changes
from airflow_provider_pgstream._query_check.names import Query, Unreadable
from airflow_provider_pgstream._query_check.play import RIGHT, Outcome, play_randomly
from airflow_provider_pgstream._query_check.scratch import Scratch, Upstream, sweep
from airflow_provider_pgstream._query_check.script import script
from airflow_provider_pgstream._query_check.shapes import Untriable, behind
from airflow_provider_pgstream._query_check.shrink import shrink
from airflow_provider_pgstream._query_check.values import pools
from airflow_provider_pgstream._query_check.verdict import sentence_of, unknown
from airflow_provider_pgstream._stream_tables.refresh import BEGIN_SESSION
from airflow_provider_pgstream._stream_tables.spec import normalize, refresh_mode_word
from airflow_provider_pgstream.exceptions import InvalidStreamTable, PgStreamError
from airflow_provider_pgstream.models import QueryVerdict

_CHANGING = {
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_user",
    "session_user",
    "current_role",
    "current_setting",
    "tablesample",
}
"""What gives something else at another time or to another user, beside what PostgreSQL calls volatile."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """
    How a query is tried.

    :param changes: how many random transactions are made, a refresh and a comparison behind each.
    :param seed: of the random numbers: the same one, the same changes.
    :param sample: whether values of the tables' rows are used, a few of each column.
    :param shrink_seconds: how long a smaller counterexample is searched for.
    """

    changes: int = 40
    seed: int = 1
    sample: bool = True
    shrink_seconds: float = 10.0

    def __post_init__(self) -> None:
        parse_rendered(self)
        if not self.changes:
            raise InvalidStreamTable("changes=0 would find nothing: give how many random changes to make")


def check(
    query: str, refresh_mode: str, options: CheckOptions, installation: Installation
) -> Program[QueryVerdict]:
    """
    Try a query on its engine; run it in a session of its own.

    :param query: one SELECT.
    :raises PgStreamError: if PostgreSQL refuses the query, or the check could not be carried out.
    """
    started = time.monotonic()
    text, mode = normalize(query), refresh_mode_word(refresh_mode)
    verdict = yield from _Check(text, mode, options, installation).run()
    return replace(verdict, seconds=round(time.monotonic() - started, 3))


@dataclass(frozen=True)
class _Check:
    text: str
    mode: str
    options: CheckOptions
    installation: Installation

    def run(self) -> Program[QueryVerdict]:
        yield Run(BEGIN_SESSION)
        yield from self._demand_query()
        try:
            query = Query(self.text)
        except Unreadable as error:
            return self._unknown(f"its text cannot be read: {error}")
        if why := (yield from self._untriable(query)):
            return self._unknown(why)
        yield from sweep(self.installation)
        try:
            found = yield from behind(query, self.installation.engine, sampled=self.options.sample)
            values = pools(found.tables, query.literals())
        except Untriable as error:
            return self._unknown(str(error))
        tried = Scratch(query, self.mode, found, self.installation)
        rng = random.Random(f"{self.options.seed} {self.mode} {self.text}")  # noqa: S311 - test data
        changes = Changes(found.tables, tried.tables, values, rng, found.used(query), found.joined(query))
        try:
            verdict = yield from self._tried(tried, changes)
        except psycopg.Error as error:
            yield from tried.drop()
            raise translate(error, self.installation) from None
        except PgStreamError:
            yield from tried.drop()
            raise
        yield from tried.drop()
        return verdict

    def _tried(self, tried: Scratch, changes: Changes) -> Program[QueryVerdict]:
        yield from tried.make()
        try:
            outcome = yield from play_randomly(tried, changes, self.options.changes)
            if outcome.kind != RIGHT and self.options.shrink_seconds:
                outcome = yield from shrink(tried, outcome, self.options.shrink_seconds)
        except Upstream as error:
            return self._unknown(tried.original(str(error)))
        return self._verdict(tried, outcome)

    def _verdict(self, tried: Scratch, outcome: Outcome) -> QueryVerdict:
        refused, why = outcome.refused
        if outcome.kind == RIGHT and refused * 2 > self.options.changes:
            return self._unknown(f"it fails on most of the rows that were made up for it: {why}")
        done = len(outcome.history.transactions)
        return replace(
            self._blank,
            verdict=outcome.kind,
            sentence=sentence_of(outcome, tried, self.options.seed),
            changes=done,
            counterexample=None if outcome.kind == RIGHT else script(tried, outcome),
        )

    def _demand_query(self) -> Program[None]:
        """
        Let PostgreSQL judge the query first.

        :raises PgStreamError: if it is none.
        """
        try:
            yield Run(admission.plan_of(self.text))
        except psycopg.Error as error:
            raise translate(error, self.installation, creating=True) from None

    def _untriable(self, query: Query) -> Program[str | None]:
        calls = query.calls()
        rows = (yield Run(shapes.VOLATILE, {"names": sorted(calls)})).rows
        changing: Sequence[str] = sorted({row["name"] for row in rows} | (calls & _CHANGING))
        if changing and self.mode != words.FULL:
            return f"it uses {', '.join(changing)}, whose value changes by itself"
        rights = (yield Run(scratch.MAY_CREATE)).rows[0]
        if not rights["may_create"]:
            return (
                f"role {rights['role']} may not create the schema in which it is tried: grant create on "
                f'database "{rights["database"]}" to "{rights["role"]}"'
            )
        return None

    def _unknown(self, why: str) -> QueryVerdict:
        return replace(self._blank, sentence=unknown(why))

    @property
    def _blank(self) -> QueryVerdict:
        engine = self.installation.engine
        return QueryVerdict(
            "unknown",
            "",
            self.text,
            self.mode,
            engine.extension,
            engine.found.version,
            changes=0,
            seed=self.options.seed,
        )
