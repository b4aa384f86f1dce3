"""Stream tables over dbt's views, which dbt makes anew in every run."""

from __future__ import annotations

import pytest

from tests.fixtures.engine import ENGINE

STAGED = "select id, customer_id, amount from {{ source('raw', 'orders') }}"
TOTALS = "select customer_id, sum(amount) as total from {{ ref('stg_orders') }} group by customer_id"


@pytest.fixture
def staged(project):
    """A project with a staging view, a view on that, and a stream table on each; built once."""
    project.model("stg_orders", STAGED, materialized="view")
    project.model(
        "big_orders", "select * from {{ ref('stg_orders') }} where amount > 50", materialized="view"
    )
    project.model("totals", TOTALS)
    project.model("big", TOTALS.replace("stg_orders", "big_orders"))
    project.model("other", "select id, customer_id from {{ source('raw', 'orders') }}")
    result = project.run()
    assert result.success, result.text
    return project


def same_rows(project, name, query):
    assert sorted(project.sql(query)) == sorted(project.sql(f"select customer_id, total from {name}"))


def states(project):
    rows = project.sql("select pgs_name, pgs_relid::text, status from pgstream.pgs_stream_tables")
    return {name: (oid, status) for name, oid, status in rows}


def test_a_second_run_and_a_run_of_the_view_alone_leave_everything_as_it_was(staged):
    before = states(staged)
    assert {status for _, status in before.values()} == {"ACTIVE"}
    again = staged.run()
    assert {again.messages[name] for name in ("totals", "big", "other")} == {"skip"}
    assert staged.run("--select", "stg_orders", "big_orders").success
    assert states(staged) == before
    staged.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert staged.operation("pgstream_refresh_all").success
    same_rows(staged, "totals", "select customer_id, sum(amount) from orders group by 1")
    same_rows(staged, "big", "select customer_id, sum(amount) from orders where amount > 50 group by 1")


def test_a_view_that_really_changed_rebuilds_what_reads_it_through_others_too_and_nothing_else(staged):
    before = states(staged)
    staged.model("stg_orders", STAGED + " where amount > 10", materialized="view")
    result = staged.run()
    assert result.success, result.messages
    assert result.messages["totals"].endswith("its query changed")
    assert result.messages["big"].endswith("its query changed")
    assert result.messages["other"] == "skip"
    assert states(staged)["other"] == before["other"]
    same_rows(staged, "totals", "select customer_id, sum(amount) from orders where amount > 10 group by 1")
    same_rows(staged, "big", "select customer_id, sum(amount) from orders where amount > 50 group by 1")


def test_a_view_that_is_only_written_otherwise_rebuilds_nothing(staged):
    before = states(staged)
    staged.model("stg_orders", "-- staging\n" + STAGED.replace(", ", ",\n  "), materialized="view")
    assert staged.run().messages["totals"] == "skip"
    assert states(staged) == before


def test_a_column_that_a_view_loses_fails_the_model_and_leaves_its_table(staged):
    before = states(staged)
    staged.model("stg_orders", STAGED.replace(", amount", ""), materialized="view")
    staged.model("big_orders", "select * from {{ ref('stg_orders') }}", materialized="view")
    result = staged.run()
    assert not result.success
    assert "amount" in result.messages["totals"]
    assert states(staged)["totals"] == before["totals"]


@pytest.mark.parametrize(
    "query",
    [
        "select s.id, s.customer_id, s.amount from {{ ref('stg_orders') }} as s where s.amount > 5",
        "select s.id, s.customer_id, s.amount from {{ ref('stg_orders') }} -- the 'orders'\n s "
        "where s.amount > 5",
        "select id, {{ ref('stg_orders') }}.customer_id, amount from {{ ref('stg_orders') }} "
        "where amount > 5",
        "select id, stg_orders.customer_id, amount from public.stg_orders where amount > 5",
        "select id, customer_id, amount, '{{ ref('stg_orders') }}' as \"{{ this.name }}: public.stg_orders\""
        " from {{ ref('stg_orders') }} /* {{ ref('stg_orders') }} */ where amount > 5",
        "with s as (select * from {{ ref('stg_orders') }}) select s.id, s.customer_id, s.amount from s "
        "where s.amount > 5",
    ],
)
def test_a_view_is_found_wherever_and_however_it_is_named(project, query):
    project.model("stg_orders", STAGED, materialized="view")
    project.model("t", "-- depends_on: {{ ref('stg_orders') }}\n" + query, refresh_mode="FULL")
    assert project.run().success
    assert project.run().messages["t"] == "skip"
    kinds = project.sql("select distinct source_type from pgstream.pgs_dependencies")
    assert kinds == [("TABLE",)]
    rows = project.sql("select customer_id, amount from t")
    assert sorted(rows) == sorted(project.sql("select customer_id, amount from orders where amount > 5"))
    assert not [row for row in project.sql("select t::text from t") if "select" in row[0].lower()]


def test_a_view_with_a_name_that_needs_quotes_is_found(project):
    project.sql('create schema "Odd schema"')
    config = "{{ config(materialized='view', schema='Odd schema', alias='Odd $1 name') }}"
    project.write("models/odd.sql", config + STAGED)
    project.write(
        "macros/schema.sql",
        "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}",
    )
    project.model("totals", TOTALS.replace("stg_orders", "odd"))
    assert project.run().success
    assert project.run().messages["totals"] == "skip"
    same_rows(project, "totals", "select customer_id, sum(amount) from orders group by 1")


def test_an_ephemeral_model_over_a_view_is_looked_through(project):
    project.model("stg_orders", STAGED, materialized="view")
    project.model("few", "select customer_id, amount from {{ ref('stg_orders') }}", materialized="ephemeral")
    project.model("totals", TOTALS.replace("stg_orders", "few"), refresh_mode="FULL")
    assert project.run().success
    assert project.run().messages["totals"] == "skip"


def test_views_are_left_to_the_engine_where_the_model_says_so(staged):
    staged.model("totals", TOTALS, inline_views=False)
    assert staged.run("--select", "totals").messages["totals"].endswith("its query changed")
    assert "stg_orders" in staged.stream_table("totals")["query"]


def test_a_stream_table_may_be_read_with_a_star(totals):
    totals.model("second", "with t as (select * from {{ ref('order_totals') }}) select * from t")
    result = totals.run("--select", "second")
    assert result.success, result.text
    assert totals.run("--select", "second").messages["second"] == "skip"
    query = "select customer_id, total, orders from "
    assert sorted(totals.sql(query + "second")) == sorted(totals.sql(query + "order_totals"))
    totals.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert totals.operation("pgstream_refresh_all").success
    assert sorted(totals.sql(query + "second")) == sorted(totals.sql(query + "order_totals"))


def test_a_view_over_a_stream_table_brings_none_of_its_internal_columns_along(totals):
    totals.model("shown", "select * from {{ ref('order_totals') }}", materialized="view")
    totals.model("second", "select customer_id, total from {{ ref('shown') }} where total > 0")
    totals.model("third", "select * from {{ ref('shown') }}", refresh_mode="FULL")
    result = totals.run("--select", "shown", "second", "third")
    assert result.success, result.text
    columns = totals.sql(
        "select attname from pg_attribute "
        "where attrelid = 'third'::regclass and attname ~ '^__' and attnum > 0"
    )
    assert columns == [(ENGINE.row_id,)]
    assert sorted(totals.sql("select customer_id, total from third")) == sorted(
        totals.sql("select customer_id, total from second")
    )
