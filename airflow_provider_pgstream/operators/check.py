"""Trying the queries of stream tables on their engine, from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_pgstream._arguments import is_template, one_of, parameters_of, takes
from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._query_check.check import CheckOptions
from airflow_provider_pgstream._stream_tables.report import raise_together
from airflow_provider_pgstream.exceptions import PgStreamError, UnsupportedQuery
from airflow_provider_pgstream.operators._base import PgStreamOperator

_DEFAULTS = asdict(CheckOptions())

ON_WRONG = ("fail", "warn")

_PRIVATE = ("counterexample", "query")
"""What may hold values of people's rows: it stays in the database."""


class PgStreamCheckOperator(PgStreamOperator):
    """
    Try the queries of stream tables that exist: does their engine keep them right?

    Each query gets small tables of its own, in a schema that is dropped again; the stream tables and their
    sources are left alone. The verdicts are kept in the database, where refreshes look for them.

    Returns ``{"schema.table": {"verdict": "right", …}}``.

    :param on_wrong: when a query goes wrong, fails or is refused: ``fail``, or ``warn`` in the log. One that
        cannot be tried is warned of.
    """

    __doc__ = f"{__doc__}{parameters_of(CheckOptions)}\n"
    template_fields: Sequence[str] = (*PgStreamOperator.template_fields, *_DEFAULTS)

    @takes(CheckOptions)
    def __init__(self, *, on_wrong: str = "fail", **kwargs: Any) -> None:
        given = {name: kwargs.pop(name) for name in _DEFAULTS if name in kwargs}
        super().__init__(**kwargs)
        self.on_wrong = one_of("on_wrong", on_wrong, ON_WRONG)
        # What is no template is refused while the DAG is parsed.
        CheckOptions(**{name: value for name, value in given.items() if not is_template(value)})
        for name in _DEFAULTS:
            setattr(self, name, given.get(name, _DEFAULTS[name]))

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - the protocol's
        """Try each query, and go on after one that is wrong."""
        results: dict[str, Any] = {}
        errors: list[PgStreamError] = []
        options = {name: getattr(self, name) for name in _DEFAULTS}
        for name in self.hook.resolve_all(self._names()):
            table = self.hook.get(name)
            if table.refresh_mode == words.FULL:
                self.log.info("stream table %s is in FULL mode, which is right", name)
                continue
            found = self.hook.check_query(table.query, refresh_mode=table.refresh_mode, **options)
            results[name] = {key: value for key, value in found.to_json().items() if key not in _PRIVATE}
            sentence = f"stream table {name}: {found.sentence}"
            if found.is_right:
                self.log.info("%s", sentence)
            elif self.on_wrong == "fail" and found.verdict != "unknown":
                errors.append(UnsupportedQuery(sentence))
            else:
                self.log.warning("%s", sentence)
        raise_together(errors)
        return results
