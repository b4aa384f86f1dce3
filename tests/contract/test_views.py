"""Views in a query are inlined."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "it follows views"

ORIGINAL = "select id, v from public.seen where v > 1"


def test_users_query_is_kept_beside_the_inlined_one(engine: Any) -> None:
    engine.run("create view seen as select id, v from source")
    engine.create("public.t", ORIGINAL)
    found = engine.catalog("public.t")
    assert found["original_query"] == ORIGINAL
    assert found["defining_query"] != ORIGINAL
    assert "seen where" not in found["defining_query"]
    assert engine.difference("public.t", found["defining_query"]) == {}


def test_dependencies_are_the_view_and_the_table_under_it(engine: Any) -> None:
    engine.run("create view seen as select id, v from source")
    engine.create("public.t", ORIGINAL)
    assert engine.rows(
        "select source_relid::regclass::text, source_type from pgstream.pgs_dependencies order by 1"
    ) == [("seen", "VIEW"), ("source", "TABLE")]


@pytest.mark.parametrize(
    "query",
    [
        "select id, v from public.seen",
        "select x.id from public.seen x",
        "select id from public.deep",
    ],
)
@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_changes_under_a_view_are_followed(engine: Any, query: str, mode: str) -> None:
    _follow(engine, query, mode)


@pytest.mark.emulator_only("inlined views")
@pytest.mark.parametrize(
    "query",
    [
        "select x.id, y.v from public.seen x join public.seen y on y.id = x.id",
        "select id from public.source where exists (select 1 from public.seen where seen.id = source.id)",
        "select id, 'FROM public.seen, it''s' as text from public.seen",
        'select id from public."Odd name"',
        "select count(*) as n from public.seen",
    ],
)
@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_view_is_inlined_wherever_it_stands_and_however_it_is_named(
    engine: Any, query: str, mode: str
) -> None:
    _follow(engine, query, mode)


def _follow(engine: Any, query: str, mode: str) -> None:
    engine.run(
        "create view seen as select id, v from source where v is not null",
        "create view deep as select id from seen where v < 100",
        'create view "Odd name" as select id, v from source',
    )
    engine.create("public.t", query, refresh_mode=mode)
    engine.refresh("public.t")
    for change in ("insert into source values (5, 'x', 5)", "update source set v = 200 where id = 2"):
        engine.run(change)
        engine.refresh("public.t")
        assert engine.difference("public.t", query) == {}, change


@pytest.mark.pg_stream_only(DIFFERS)
def test_table_outlives_its_view(engine: Any) -> None:
    engine.run("create view seen as select id, v from source")
    engine.create("public.t", ORIGINAL, refresh_mode="FULL")
    engine.run("drop view seen", "insert into source values (5, 'x', 5)")
    engine.refresh("public.t")
    assert engine.difference("public.t", "select id, v from source where v > 1") == {}
