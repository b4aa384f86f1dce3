"""A stream table that lives elsewhere than its model, and the view that shows it."""

from __future__ import annotations

QUERY = "select customer_id, sum(amount) as total from {{ source('raw', 'orders') }} group by customer_id"
ELSEWHERE = {"stream_table_name": "ot", "stream_table_schema": "marts"}


def columns(project, relation):
    return [
        row[0]
        for row in project.sql(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum",
            relation,
        )
    ]


def test_the_table_lives_there_and_a_view_shows_it_without_internal_columns(project):
    project.model("order_totals", QUERY, **ELSEWHERE)
    assert project.run().success
    assert project.stream_table("ot", "marts")["is_populated"]
    assert project.kind("order_totals") == "v"
    assert columns(project, "order_totals") == ["customer_id", "total"]
    assert project.sql("select sum(total) from order_totals") == project.sql("select sum(amount) from orders")


def test_an_unchanged_one_is_skipped_and_its_view_kept(project):
    project.model("order_totals", QUERY, **ELSEWHERE)
    project.run()
    view = project.sql("select 'order_totals'::regclass::oid")
    assert project.run().messages["order_totals"] == "skip"
    assert project.sql("select 'order_totals'::regclass::oid") == view


def test_a_view_that_was_dropped_comes_back(project):
    project.model("order_totals", QUERY, **ELSEWHERE)
    project.run()
    project.sql("drop view order_totals")
    assert project.run().success
    assert project.kind("order_totals") == "v"


def test_a_changed_query_recreates_the_table_and_the_view(project):
    project.model("order_totals", QUERY, **ELSEWHERE)
    project.run()
    project.model("order_totals", QUERY.replace("as total", "as total, count(*) as n"), **ELSEWHERE)
    assert project.run().messages["order_totals"] == "recreated: its query changed"
    assert columns(project, "order_totals") == ["customer_id", "total", "n"]


def test_a_stream_table_at_the_models_own_place_makes_room_for_the_view(totals):
    totals.model("order_totals", QUERY, **ELSEWHERE)
    assert totals.run().success
    assert totals.kind("order_totals") == "v"
    assert totals.stream_table("order_totals") is None
    assert totals.stream_table("ot", "marts")["is_populated"]


def test_a_table_at_the_models_own_place_makes_room_for_the_view(project):
    project.sql("create table order_totals (one int)")
    project.model("order_totals", QUERY, **ELSEWHERE)
    assert project.run().success
    assert project.kind("order_totals") == "v"


def test_a_stream_table_reads_one_with_an_overridden_name(project):
    project.model("order_totals", QUERY, **ELSEWHERE)
    project.model(
        "big",
        "select {{ pgstream.star(ref('order_totals')) }} from {{ ref('order_totals') }} where total > 900",
    )
    assert project.run().success
    assert project.sql("select count(*) from big") == project.sql(
        "select count(*) from order_totals where total > 900"
    )
    assert set(project.run().messages.values()) == {"skip"}
    assert set(project.run("--full-refresh").statuses.values()) == {"success"}


def test_a_collision_with_another_model_is_refused(project):
    project.model("other", "select 1 as one", materialized="table")
    project.model("order_totals", QUERY, stream_table_name="other")
    result = project.run()
    assert (
        "its stream table public.other would take the place of model other" in result.messages["order_totals"]
    )
    assert project.kind("other") == "r"
    assert project.stream_table("other") is None


def test_two_overrides_of_one_place_are_refused(project):
    project.model("a", QUERY, stream_table_name="same")
    project.model("b", QUERY, stream_table_name="same")
    result = project.run()
    assert "would take the place of model b" in result.messages["a"]
    assert "would take the place of model a" in result.messages["b"]


def test_operations_act_on_the_table_and_drop_the_view_with_it(project):
    project.model("order_totals", QUERY, **ELSEWHERE)
    project.run()
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert "marts.ot: refreshed" in project.operation("pgstream_refresh", "{model_name: order_totals}").text
    assert project.sql("select sum(total) from order_totals") == project.sql("select sum(amount) from orders")
    assert project.operation("drop_all_stream_tables").success
    assert project.stream_table("ot", "marts") is None
    assert project.kind("order_totals") is None


def test_grants_and_comments_reach_table_and_view(project):
    project.model(
        "order_totals",
        QUERY,
        **ELSEWHERE,
        grants={"select": ["pg_monitor"]},
        persist_docs={"relation": True, "columns": True},
    )
    project.write(
        "models/order_totals.yml",
        "version: 2\nmodels:\n  - name: order_totals\n    description: what they bought\n"
        "    columns:\n      - {name: total, description: in euro}\n",
    )
    assert project.run().success
    for relation in ("marts.ot", "order_totals"):
        assert project.sql("select has_table_privilege('pg_monitor', %s, 'select')", relation) == [(True,)]
        assert project.sql("select obj_description(%s::regclass, 'pg_class')", relation) == [
            ("what they bought",)
        ]
        assert project.sql(
            "select count(*) from pg_description where description = 'in euro' and objoid = %s::regclass",
            relation,
        ) == [(1,)]


def test_dbts_own_alias_and_schema_need_no_view(project):
    project.model("order_totals", QUERY, alias="ot", schema="marts")
    assert project.run().success
    assert project.stream_table("ot", "public_marts")["is_populated"]
    assert project.kind("public.order_totals") is None
