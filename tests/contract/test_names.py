"""Names: split at the first dot, neither unquoted nor folded."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

DIFFERS = "its errors have SQLSTATEs, and hyphens are not for its names"

QUERY = "select id from public.source"


@pytest.mark.parametrize("name", ["plain", "we-ird", "über", "select", "under_score", "x1", "a$b"])
@pytest.mark.pg_stream_only(DIFFERS)
def test_name_can_be_created_refreshed_and_dropped(engine: Any, name: str) -> None:
    engine.create(f"public.{name}", QUERY)
    assert engine.catalog(f"public.{name}")["pgs_name"] == name
    engine.refresh(f"public.{name}")
    engine.run(f"select pgstream.drop_stream_table('public.{name}')")
    assert engine.catalog(f"public.{name}") == {}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("public.Upper", "42P01"),
        ("public.with space", "42602"),
        (" public.t", "3F000"),
        ("public. t", "42P01"),
        ("a.b.c", "3F000"),
        ("", "42601"),
        ("public.", "42601"),
        (".t", "42601"),
    ],
)
def test_name_that_the_engine_cannot_hold_is_refused(engine: Any, name: str, code: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        engine.create(name, QUERY)
    assert refused.value.sqlstate == code
    assert engine.rows("select pgs_name from pgstream.pgs_stream_tables") == []


@pytest.mark.pg_stream_only(DIFFERS)
def test_second_dot_belongs_to_the_name(engine: Any) -> None:
    with engine.refuses("stream table not found: a.b.c"):
        engine.refresh("a.b.c")


@pytest.mark.pg_stream_only(DIFFERS)
def test_quotes_belong_to_the_name(engine: Any) -> None:
    engine.create("public.t", QUERY)
    with engine.refuses('stream table not found: public."t"'):
        engine.refresh('public."t"')


@pytest.mark.pg_stream_only(DIFFERS)
def test_name_is_not_folded(engine: Any) -> None:
    engine.create("public.t", QUERY)
    with engine.refuses("stream table not found: public.T"):
        engine.refresh("public.T")


@pytest.mark.parametrize(
    "call",
    [
        "refresh_stream_table('t')",
        "alter_stream_table('t', status => 'ACTIVE')",
        "drop_stream_table('t')",
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_unqualified_name_means_the_current_schema(engine: Any, call: str) -> None:
    engine.run("create schema other", "set search_path = other, public")
    engine.run(f"select pgstream.create_stream_table('t', '{QUERY}', null)")
    assert engine.rows("select pgs_schema from pgstream.pgs_stream_tables") == [("other",)]
    engine.run(f"select pgstream.{call}", "set search_path = public")
    with engine.refuses("stream table not found: public.t"):
        engine.run(f"select pgstream.{call}")


def test_unqualified_name_means_public_for_what_reads(engine: Any) -> None:
    engine.run("create schema other", "set search_path = other, public")
    engine.create("other.t", QUERY)
    assert engine.one("select pgstream.get_staleness('t')") is None
    assert engine.one("select pgstream.get_staleness('other.t')") is not None
    assert engine.rows("select * from pgstream.explain_st('t')") == [
        ("error", "stream table not found: public.t")
    ]


@pytest.mark.parametrize(
    "call",
    ["refresh_stream_table('public.t')", "alter_stream_table('public.t')", "drop_stream_table('public.t')"],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_unknown_stream_table_is_named(engine: Any, call: str) -> None:
    with engine.refuses("stream table not found: public.t"):
        engine.run(f"select pgstream.{call}")


@pytest.mark.parametrize("function", ["refresh_stream_table", "drop_stream_table", "get_staleness"])
def test_null_name_does_nothing(engine: Any, function: str) -> None:
    assert engine.one(f"select pgstream.{function}(null)") in (None, "")
