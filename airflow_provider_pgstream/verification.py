"""
Comparing a stream table with its query, in one snapshot that is rolled back.

Under REPEATABLE READ the refresh and the query see the same rows, so no lag is taken for a difference and
nobody is kept from writing. Rolled back it does no harm; committed it would lose what others commit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_pgstream import comparison, engine, queries
from airflow_provider_pgstream.catalog import look
from airflow_provider_pgstream.exceptions import PgStreamError, RefreshInProgress, StreamTableFailed
from airflow_provider_pgstream.models import StreamTable, Verification
from airflow_provider_pgstream.program import Pause, Program, Run
from airflow_provider_pgstream.transaction import in_transaction
from airflow_provider_pgstream.translation import Place, not_found

_BEGIN = f"begin isolation level repeatable read; set local search_path = {engine.SEARCH_PATH}"
_SERIALIZATION_FAILURE = "40001"
BUSY_TIMEOUT = 600.0
"""Seconds to wait for a refresh of the same table, holding nothing."""


def verify(name: str, limit: int, float_tolerance: float, place: Place) -> Program[Verification]:
    """
    Refresh a stream table, compare it with its query both ways, and roll back.

    :param limit: how many example rows to return, of each kind.
    :param float_tolerance: relative difference up to which floats are equal.
    """
    started = time.monotonic()
    wait = 0.2
    while True:
        try:
            body = _verify(name, limit, float_tolerance)
            found = yield from in_transaction(
                body, name=name, place=place, begin=_BEGIN, end=queries.ROLLBACK
            )
            return replace(found, seconds=round(time.monotonic() - started, 3))
        except PgStreamError as error:
            if not _passes(error) or time.monotonic() - started > BUSY_TIMEOUT:
                raise
        yield Pause(wait)
        wait = min(wait * 2, 10.0)


def _passes(error: PgStreamError) -> bool:
    """Whether it came from another refresh of the table, and will not come again."""
    return isinstance(error, RefreshInProgress) or error.sqlstate == _SERIALIZATION_FAILURE


def _verify(name: str, limit: int, float_tolerance: float) -> Program[Verification]:
    table = (yield from look([name])).get(name)
    if table is None:
        raise not_found(name)
    if table.detached or table.vanished_sources:
        raise StreamTableFailed(f"stream table {name} cannot be verified: {table.concerns[0]}")
    warnings = [*table.concerns]
    if table.is_paused:
        warnings.append(
            f"stream table {name} is SUSPENDED (paused): compared as it is, so a difference may be lag"
        )
    else:
        yield Run(queries.REFRESH, {"name": name})
    warnings += yield from _unsteady(table)
    columns = (yield Run(comparison.COLUMNS, {"oid": table.storage_oid})).rows
    comparison_of = comparison.Comparison(table, tuple(map(comparison.Column.from_row, columns)))
    parameters = {"limit": limit, "tolerance": float_tolerance}
    row = (yield Run(comparison_of.statement(), parameters)).rows[0]
    return Verification(
        name,
        missing=int(row["missing"]),
        surplus=int(row["surplus"]),
        missing_examples=tuple(row["missing_examples"]),
        surplus_examples=tuple(row["surplus_examples"]),
        refreshed=not table.is_paused,
        warnings=tuple(warnings),
    )


def _unsteady(table: StreamTable) -> Program[Sequence[str]]:
    words = sorted(comparison.words(table.query) | set(table.functions_used))
    found = [row["name"] for row in (yield Run(comparison.UNSTEADY_FUNCTIONS, {"names": words})).rows]
    found += sorted(comparison.unsteady_keywords(table.query))
    if not found:
        return []
    return [
        f"the query of stream table {table.name} uses {', '.join(found)}, whose value changes by itself: "
        "a difference may be due to that"
    ]
