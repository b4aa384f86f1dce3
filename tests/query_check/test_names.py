"""The names in a query: found and replaced by a parser, in the user's own text."""

from __future__ import annotations

import sys

import pytest

from airflow_provider_pgstream._query_check.names import Name, Query, Unreadable
from airflow_provider_pgstream.exceptions import PgStreamError, UnsupportedQuery


def moved(text: str) -> str:
    return Query(text).moved(lambda name: f"copy.{name.table}" if name.schema in (None, "public") else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select id from public.t", "select id from copy.t"),
        ("select t.id from t", "select t.id from copy.t"),
        ('select public.t.id from "public"."t"', "select copy.t.id from copy.t"),
        ("select x.id from Public.T as x -- public.t", "select x.id from copy.t as x -- public.t"),
        ("select 'public.t' as name from other.t", "select 'public.t' as name from other.t"),
        ("with t as (select 1 as id from public.t) select id from t", None),
        ("select id from public.t where id in (select id from public.u)", None),
        ("select a.id from public.t a, lateral (select 1 from public.u) l", None),
        ("select g from public.t, generate_series(1, 3) g", None),
        ("select id::text, \"MiXed\" from public.t where tag ->> 'a' = $$x$$", None),
    ],
)
def test_tables_are_moved_and_nothing_else(text: str, expected: str | None) -> None:
    assert moved(text) == (expected or text.replace("public.", "copy."))


def test_with_in_its_own_scope_is_no_table() -> None:
    text = "select * from (with t as (select 1 as id) select id from t) x join public.t on true"
    assert Query(text).names() == [Name("public", "t")]


def test_constants_are_those_of_the_columns_they_are_compared_with() -> None:
    found = Query(
        "select id from t where amount > 5 and status in ('paid', 'open') and at >= date '2026-01-01'"
    ).literals()
    assert found.of_columns == {"amount": ("5",), "status": ("paid", "open"), "at": ("2026-01-01",)}


def test_columns_are_named_or_all() -> None:
    assert {"id", "amount"} <= (
        Query("select t.id, count(*) from t where amount > 1 group by 1").columns() or set()
    )
    assert Query("with c as (select * from t) select id from c").columns() is None


def test_text_that_cannot_be_read_says_so() -> None:
    with pytest.raises(Unreadable):
        Query("select from where")
    with pytest.raises(UnsupportedQuery, match="not one SELECT"):
        Query("delete from t")
    with pytest.raises(UnsupportedQuery, match="not one SELECT"):
        Query("select 1; select 2")


def test_without_the_parser_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(PgStreamError, match=r"pip install 'airflow-provider-pgstream\[check\]'"):
        Query("select 1 from t")
