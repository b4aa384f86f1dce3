"""Asking PostgreSQL itself about a query: it is made a temporary view for a moment, which is rolled back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from airflow_provider_pgstream._engines import admission
from airflow_provider_pgstream._engines.programs import Program, Run


def ask(query: str, question: Run) -> Program[Sequence[Mapping[str, Any]] | None]:
    """Return the rows of a question about a query; None if this role may not make temporary objects."""
    yield Run("savepoint query_view")
    rows: Sequence[Mapping[str, Any]] | None = None
    try:
        yield Run(admission.view_of(query))
        rows = (yield question).rows
    except psycopg.errors.InsufficientPrivilege:
        rows = None
    yield Run("rollback to savepoint query_view; release savepoint query_view")
    return rows
