"""The order in which stream tables read each other."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_pgstream._stream_tables.lookup import in_dependency_order
from airflow_provider_pgstream.models import Source, StreamTable
from tests.fixtures.catalog import TABLE


def reading(name: str, *upstream: str) -> StreamTable:
    sources = tuple(Source(i, *up.split("."), "STREAM_TABLE") for i, up in enumerate(upstream))  # type: ignore[misc]
    return replace(TABLE, name=name, sources=sources)


def test_order_holds_through_tables_that_are_not_asked_for() -> None:
    tables = {t.name: t for t in (reading("s.c", "s.b"), reading("s.b", "s.a"), reading("s.a"))}
    assert in_dependency_order(["s.c", "s.a"], tables) == ["s.a", "s.c"]
    assert in_dependency_order(["s.c"], tables, include_upstream=True) == ["s.a", "s.b", "s.c"]
    assert in_dependency_order(["s.unknown", "s.c"], tables) == ["s.unknown", "s.c"]
