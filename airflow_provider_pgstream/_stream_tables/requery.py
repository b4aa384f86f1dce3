"""
Another query for a stream table that stays: where the engine can, and nothing else about it changes.

What reads it, its grants and its indexes stay, too. Engines fill the columns by their position, so the new
query has to return the same ones in the same order; and what they made of it is compared with it in the
same snapshot.
"""

from __future__ import annotations

from functools import partial

import psycopg

from airflow_provider_pgstream._engines import admission, boundaries, queries, statements
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Pause, Program, Reply, Run
from airflow_provider_pgstream._stream_tables import query_view
from airflow_provider_pgstream._stream_tables.boundary import Busy
from airflow_provider_pgstream._stream_tables.hazards import Way
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.refresh import refresh
from airflow_provider_pgstream._stream_tables.refresh_at import own_table
from airflow_provider_pgstream._stream_tables.settings import ALTER
from airflow_provider_pgstream._stream_tables.sources import unknown_relations
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.models import RefreshResult, StreamTable


class Unequal(PgStreamError):
    """What the engine made of the new query is not what it returns; the stream table is to be recreated."""


def can_requery(table: StreamTable, spec: Spec, engine: Engine) -> Program[bool]:
    """Tell whether the engine can be given the new query, by the columns and tables of both."""
    # One that can explain what it would do builds the table anew, without its grants.
    if not engine.takes(ALTER, "query") or engine.has_function("explain_alter"):
        return False
    if not (
        spec.initialize and table.is_populated and table.unattended_because in (None, _unscheduled(table))
    ):
        return False
    if (yield from unknown_relations(spec.query, table)):
        return False
    columns = Run(admission.columns_differ(engine), {"oid": table.storage_oid})
    rows = yield from query_view.ask(spec.query, columns)
    return rows is not None and not rows[0]["differ"]


def _unscheduled(table: StreamTable) -> str:
    return f"it {table.unscheduled}"


def requery(table: StreamTable, spec: Spec, installation: Installation) -> Program[RefreshResult | None]:
    """Give it the query at a boundary; return None if the engine made something else of it."""
    yield Pause()
    options = RefreshOptions(lock_timeout=spec.lock_timeout, on_busy="fail")
    try:
        return (yield from refresh(table.name, options, installation, call=partial(_alter, query=spec.query)))
    except Unequal:
        return None


def _alter(
    table: StreamTable,
    _way: Way,
    _options: RefreshOptions,
    engine: Engine,
    lock_timeout: float,
    *,
    query: str,
) -> Program[Reply]:
    yield Run(statements.set_lock_timeout(lock_timeout))
    try:
        reply = yield Run(queries.alter(engine, ("query",)), {"name": table.name, "query": query})
    except psycopg.errors.LockNotAvailable:
        raise Busy(own_table(table)) from None
    columns = (yield Run(admission.columns_of(engine), {"oid": table.storage_oid})).rows[0]["columns"]
    held = f"select {columns} from {table.name}"
    if (yield Run(boundaries.rows_differ(query, held))).rows[0]["differ"]:
        raise Unequal(f"stream table {table.name} does not hold what its new query returns")
    return reply
