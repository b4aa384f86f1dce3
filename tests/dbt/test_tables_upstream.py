"""Stream tables over dbt's tables: kept in place where the project says so in one line."""

from __future__ import annotations

import pytest

IN_PLACE = (
    "{% materialization table, adapter='postgres' %}"
    "{{ return(pgstream.materialization_table_in_place()) }}"
    "{% endmaterialization %}"
)
ORDERS = "select id, customer_id, amount from {{ source('raw', 'orders') }}"
TOTALS = "select customer_id, sum(amount) as total from {{ ref('int_orders') }} group by customer_id"


@pytest.fixture
def built(project):
    """A project that keeps its tables in place, with a stream table over one; built once."""
    project.write("macros/tables.sql", IN_PLACE)
    project.model("int_orders", ORDERS, materialized="table", indexes=[{"columns": ["id"]}])
    project.model("totals", TOTALS)
    result = project.run()
    assert result.success, result.text
    assert "materialization_table_in_place" not in result.text
    return project


def refresh(project):
    result = project.operation("pgstream_refresh", "{model_name: totals}")
    assert result.success, result.text


def same_rows(project, query="select customer_id, sum(amount) from orders group by 1"):
    assert sorted(project.sql("select customer_id, total from totals")) == sorted(project.sql(query))


def oid(project, name):
    return project.sql("select %s::regclass::oid", name)


def test_a_table_that_is_built_again_stays_and_only_the_difference_is_written(built):
    before = oid(built, "int_orders"), oid(built, "totals")
    kept = set(built.sql("select ctid::text, id from int_orders where id > 3"))
    for change in (
        "update orders set amount = 7 where id = 1",
        "delete from orders where id = 2",
        "insert into orders (customer_id, amount) values (3, 4), (3, 4), (9, 9)",
    ):
        built.sql(change)
        result = built.run()
        assert result.success, result.text
        assert result.messages["totals"] == "skip"
        refresh(built)
        same_rows(built)
    assert (oid(built, "int_orders"), oid(built, "totals")) == before
    assert kept <= set(built.sql("select ctid::text, id from int_orders"))
    assert built.stream_table("totals")["status"] == "ACTIVE"


def test_equal_rows_nulls_and_types_without_equality_are_told_apart(project):
    project.write("macros/tables.sql", IN_PLACE)
    query = "select amount, document, point(1, 2) as place from public.documents"
    project.sql("create table documents (amount numeric, document json)")
    project.sql("""insert into documents select 1, '{"a": 1}' from generate_series(1, 3)""")
    project.sql("insert into documents values (null, null), (2, '\"\"')")
    project.model("copy", query, materialized="table")
    assert project.run().success
    before = oid(project, "copy")
    for change in (
        "delete from documents where ctid = (select max(ctid) from documents where amount = 1)",
        "insert into documents values (null, '\"\"'), (null, null), (2, '\"\"')",
        "update documents set document = '{}' where amount is null",
    ):
        project.sql(change)
        assert project.run().success
        lines = "select row(t.*)::text from {} as t order by 1"
        assert project.sql(lines.format("copy")) == project.sql(lines.format(f"({query})"))
    assert oid(project, "copy") == before


def test_other_columns_make_it_anew_and_what_reads_it_is_rebuilt(built):
    before = oid(built, "int_orders")
    built.model(
        "int_orders", ORDERS.replace("amount", "amount * 2 as amount, 1 as one"), materialized="table"
    )
    result = built.run()
    assert result.success, result.text
    assert "public.int_orders has other columns now" in result.text
    assert result.messages["totals"].startswith("swapped: ")
    assert oid(built, "int_orders") != before
    same_rows(built, "select customer_id, sum(amount) * 2 from orders group by 1")
    assert built.run().messages["totals"] == "skip"


def test_full_refresh_and_another_kind_make_it_anew(built):
    before = oid(built, "int_orders")
    assert built.run("--full-refresh", "--select", "int_orders").success
    assert oid(built, "int_orders") != before
    assert built.run().success
    same_rows(built)
    built.model("int_orders", ORDERS, materialized="view")
    assert built.run().success
    same_rows(built)
    built.model("int_orders", ORDERS, materialized="table")
    assert built.run().success
    same_rows(built)


def test_indexes_grants_hooks_contract_and_comments_follow_the_configuration(built):
    built.sql("drop role if exists pgstream_reader; create role pgstream_reader")
    built.model(
        "int_orders",
        ORDERS,
        materialized="table",
        indexes=[{"columns": ["customer_id"]}],
        grants={"select": ["pgstream_reader"]},
        persist_docs={"relation": True},
        contract={"enforced": True},
        post_hook="comment on column {{ this }}.id is 'hooked'",
    )
    built.write(
        "models/schema.yml",
        "models: [{name: int_orders, description: 'kept', columns: [{name: id, data_type: integer}, "
        "{name: customer_id, data_type: integer}, {name: amount, data_type: numeric}]}]",
    )
    before = oid(built, "int_orders")
    result = built.run()
    assert result.success, result.text
    assert oid(built, "int_orders") == before
    columns = built.sql(
        "select array_agg(a.attname::text) from pg_index i join pg_attribute a on a.attrelid = i.indexrelid "
        "where i.indrelid = 'int_orders'::regclass"
    )
    assert columns == [(["customer_id"],)]
    said = "select obj_description('int_orders'::regclass), col_description('int_orders'::regclass, 1)"
    assert built.sql(said) == [("kept", "hooked")]
    assert built.sql("select has_table_privilege('pgstream_reader', 'int_orders', 'select')") == [(True,)]
    built.sql("drop owned by pgstream_reader; drop role pgstream_reader")


def test_without_that_line_a_warning_says_what_will_happen_and_what_to_do(project):
    project.model("int_orders", ORDERS, materialized="table")
    project.model("stg_orders", "select * from {{ ref('int_orders') }}", materialized="view")
    project.model("totals", TOTALS.replace("int_orders", "stg_orders"))
    result = project.run()
    assert result.success
    assert "model totals reads int_orders, which dbt's materialization table replaces" in result.text
    assert IN_PLACE in result.text


@pytest.mark.parametrize(
    "config",
    [{"materialized": "incremental"}, {"materialized": "incremental", "unique_key": "id"}],
)
def test_an_incremental_model_upstream_stays_as_it_is(project, config):
    project.model("int_orders", ORDERS, **config)
    project.model("totals", TOTALS)
    assert project.run().success
    before = oid(project, "int_orders"), oid(project, "totals")
    for _ in range(2):
        result = project.run()
        assert result.messages["totals"] == "skip", result.text
        refresh(project)
        same_rows(project, "select customer_id, sum(amount) from int_orders group by 1")
    assert (oid(project, "int_orders"), oid(project, "totals")) == before


def test_a_seed_and_a_snapshot_upstream_stay_as_they_are(project):
    project.write("seeds/people.csv", "id,customer_id,amount\n1,1,10\n2,2,20\n")
    project.write(
        "snapshots/history.sql",
        "{% snapshot history %}{{ config(target_schema='public', unique_key='id', strategy='check', "
        "check_cols=['amount']) }}" + ORDERS + "{% endsnapshot %}",
    )
    project.model("totals", TOTALS.replace("int_orders", "people"))
    project.model("other", TOTALS.replace("int_orders", "history"))
    for number in range(2):
        result = project.dbt("build")
        assert result.success, result.text
        assert (
            result.messages["totals"]
            == result.messages["other"]
            == ("skip" if number else "created: it is new")
        )
        project.write("seeds/people.csv", "id,customer_id,amount\n1,1,15\n3,3,30\n")
        project.sql("update orders set amount = 1 where id = 1")
    assert project.operation("pgstream_refresh_all").success
    same_rows(project, "select customer_id, sum(amount) from people group by 1")
    assert sorted(project.sql("select customer_id, total from other")) == sorted(
        project.sql("select customer_id, sum(amount) from history group by 1")
    )


def test_unlogged_is_refused(project):
    project.model("totals", TOTALS.replace("ref('int_orders')", "source('raw', 'orders')"), unlogged=True)
    result = project.run()
    assert (
        "model totals: unlogged is true, and a stream table cannot be unlogged" in result.messages["totals"]
    )
    assert project.kind("totals") is None


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as one",
        "select day::date from generate_series('2026-01-01', '2026-02-01', interval '1 day') as day",
    ],
)
def test_a_query_that_reads_no_table_says_which_materialization_to_take(project, query):
    project.model("spine", query, refresh_mode="FULL")
    result = project.run()
    assert not result.success
    assert "materialized='table'" in result.messages["spine"]
    assert "CONTEXT" not in result.messages["spine"]


def test_an_error_brings_no_lines_of_our_own_blocks_along(project):
    project.model("broken", "select id / 0 as x from {{ source('raw', 'orders') }}")
    message = project.run().messages["broken"]
    assert "stream table public.broken could not be created: division by zero" in message
    assert "CONTEXT" not in message
    assert "inline_code_block" not in message
