"""Operations that change something."""

from __future__ import annotations

import pytest

from tests.fixtures.engine import ENGINE

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"
ORDER_TOTALS = "{model_name: order_totals}"


def add_order(project):
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")


def total(project, name="order_totals"):
    return project.sql(f"select sum(total) from {name}")[0][0]


def test_refresh_takes_a_model_a_table_or_a_qualified_name(totals):
    for name in ("order_totals", "public.order_totals"):
        add_order(totals)
        result = totals.operation("pgstream_refresh", f"{{model_name: {name}}}")
        assert result.success
        assert "public.order_totals: refreshed" in result.text
        assert total(totals) == totals.sql("select sum(amount) from orders")[0][0]


def test_refresh_populates(project):
    project.model("order_totals", QUERY, initialize=False)
    project.run()
    assert project.operation("pgstream_refresh", ORDER_TOTALS).success
    assert project.stream_table("order_totals")["status"] == "ACTIVE"
    assert total(project) == 5050


def test_an_operation_has_a_qualified_name_too(totals):
    assert totals.operation("pgstream.pgstream_refresh", ORDER_TOTALS).success


ON_ONE_TABLE = ["refresh", "repair", "pause", "resume", "verify", "wait_for_populated"]
ON_ONE_OR_ALL = ["status", "check_freshness", "check_cdc_health"]


def test_a_named_table_that_is_missing_is_an_error(project):
    for operation in ON_ONE_TABLE + ON_ONE_OR_ALL:
        result = project.operation(f"pgstream_{operation}", "{model_name: nowhere}")
        assert not result.success, operation
        assert "there is no stream table public.nowhere in database 'dbt_test'" in result.text


def test_a_model_that_is_not_named_is_an_error(project):
    for operation in ON_ONE_TABLE:
        result = project.operation(f"pgstream_{operation}")
        assert not result.success, operation
        assert f"pgstream_{operation} needs a model" in result.text


def test_a_paused_table_is_not_refreshed_and_says_how_to_resume(totals):
    assert totals.operation("pgstream_pause", ORDER_TOTALS).success
    assert totals.stream_table("order_totals")["status"] == "SUSPENDED"
    result = totals.operation("pgstream_refresh", ORDER_TOTALS)
    assert not result.success
    assert "pgstream_resume" in result.text
    assert "public.order_totals: ACTIVE (resumed)" in totals.operation("pgstream_resume", ORDER_TOTALS).text
    assert totals.operation("pgstream_refresh", ORDER_TOTALS).success


def test_verify_passes_a_right_table_that_lags_and_keeps_nothing_of_its_refresh(totals):
    add_order(totals)
    before = totals.stream_table("order_totals")
    result = totals.operation("pgstream_verify", ORDER_TOTALS)
    assert result.success, result.text
    assert "(compared after a refresh, action DIFFERENTIAL)" in result.text
    assert totals.stream_table("order_totals") == before
    assert total(totals) == 5050


def test_verify_of_a_paused_table_that_lags_warns_and_does_not_fail(totals):
    totals.operation("pgstream_pause", ORDER_TOTALS)
    add_order(totals)
    result = totals.operation("pgstream_verify", ORDER_TOTALS)
    assert result.success, result.text
    assert "This may be lag: changes are pending; it is SUSPENDED (paused)" in result.text


def test_verify_of_a_table_that_a_refresh_would_recompute_compares_what_readers_see(totals):
    totals.model("whole", QUERY, refresh_mode="FULL")
    assert totals.run("--select", "whole").success
    result = totals.operation("pgstream_verify", "{model_name: whole}")
    assert "public.whole: OK it holds what its query gives (compared as it is)" in result.text
    add_order(totals)
    result = totals.operation("pgstream_verify", "{model_name: whole}")
    assert result.success, result.text
    assert "1 rows are missing, 1 should not be there (compared as it is, action FULL)" in result.text
    assert "changes are pending; a trial refresh recomputed it, and made it equal" in result.text


@pytest.mark.parametrize("operation", ["pgstream_refresh", "pgstream_refresh_all"])
def test_one_moment_for_a_list_is_refused_because_dbt_has_one_session(totals, operation):
    name = "model_name: order_totals, " if operation == "pgstream_refresh" else ""
    result = totals.operation(operation, f"{{{name}consistent: true}}")
    assert not result.success
    assert "dbt has one session" in result.text
    assert "PgStreamRefreshOperator" in result.text


def test_verify_finds_rows_that_are_missing_wrong_or_too_many_and_repair_recomputes_them(totals):
    totals.tamper(
        "delete from order_totals where customer_id = 1",
        "update order_totals set total = total + 1 where customer_id = 2",
        "insert into order_totals (__pgs_row_id, customer_id, total, orders) values (42, 99, 1, 1)",
        "insert into order_totals (__pgs_row_id, customer_id, total, orders) values (43, 98, 1, 1)",
    )
    result = totals.operation("pgstream_verify", ORDER_TOTALS)
    assert not result.success
    assert "2 rows are missing, 3 should not be there (compared as it is)" in result.text
    example = 'public.order_totals: is missing {"customer_id":'
    assert example not in result.text
    assert example in totals.operation("pgstream_verify", "{model_name: order_totals, limit: 1}").text
    assert totals.operation("pgstream_repair", ORDER_TOTALS).success
    assert totals.operation("pgstream_verify", ORDER_TOTALS).success
    assert totals.stream_table("order_totals")["refresh_mode"] == "DIFFERENTIAL"


def test_verify_compares_floats_json_and_nulls(project):
    project.sql("create table mixed (id int primary key, g int, f float8, j json, n text)")
    project.sql(
        "insert into mixed select i, i % 3, i / 3.0, json_build_object('i', i), null "
        "from generate_series(1, 20) as i"
    )
    project.model("t", "select g, sum(f) as f from public.mixed group by g")
    project.model("u", "select id, j, n from public.mixed", refresh_mode="FULL")
    assert project.run().success
    for name in ("t", "u"):
        result = project.operation("pgstream_verify", f"{{model_name: {name}}}")
        assert result.success, result.text


def test_refresh_all_goes_in_order_and_keeps_every_table_right(project):
    project.model("a", f"select customer_id, count(*) as n {FROM} group by customer_id")
    project.model("z", QUERY)
    project.model("b", "select customer_id, total from {{ ref('z') }} where total > 100")
    project.model("paused", QUERY, status="PAUSED")
    assert project.run().success
    for step in range(2):
        project.sql(
            "insert into orders (customer_id, amount) select 1, 100 + i from generate_series(1, 5) as i"
        )
        project.sql("update orders set amount = amount + 1 where id % 4 = 0")
        project.sql("delete from orders where id %% 17 = %s", step)
        result = project.operation("pgstream_refresh_all")
        assert result.success, result.text
        assert result.text.index("public.z: refreshed") < result.text.index("public.b: refreshed")
        assert "public.paused: SKIP paused by its model" in result.text
        for name in ("a", "b", "z"):
            assert project.operation("pgstream_verify", f"{{model_name: {name}}}").success


def test_refresh_all_goes_on_after_a_failure_and_leaves_out_what_reads_it(project):
    project.sql("create table numbers (id int primary key, v int)")
    project.sql("insert into numbers values (1, 1)")
    project.model("bad", "select id, 10 / v as share from public.numbers")
    project.model("reads_bad", "select id, share from {{ ref('bad') }}")
    project.model("good", QUERY)
    assert project.run().success
    project.sql("insert into numbers values (2, 0)")
    add_order(project)
    result = project.operation("pgstream_refresh_all")
    assert not result.success
    assert "public.bad: ERROR stream table public.bad could not be refreshed: division by zero" in result.text
    assert "public.reads_bad: ERROR left out, because it reads shop.bad" in result.text
    assert "2 of 3 stream tables were not refreshed" in result.text
    assert total(project, "good") == 6050


def test_wait_for_populated(totals):
    assert (
        "public.order_totals: populated" in totals.operation("pgstream_wait_for_populated", ORDER_TOTALS).text
    )


def test_wait_for_populated_fails_at_once_where_nothing_will_populate_it(project):
    project.model("order_totals", QUERY, initialize=False)
    project.run()
    result = project.operation("pgstream_wait_for_populated", ORDER_TOTALS)
    assert not result.success
    assert (
        f"no {ENGINE.extension} scheduler serves database 'dbt_test': nothing will populate it" in result.text
    )


def test_status_tells_of_every_table(project):
    project.model("a", QUERY, schedule="5m")
    project.model("b", QUERY, initialize=False)
    project.model("c", QUERY, status="PAUSED", refresh_mode="FULL")
    project.run()
    text = project.operation("pgstream_status").text
    assert "public.a: ACTIVE, DIFFERENTIAL, schedule 5m, data of " in text
    assert "public.b: INITIALIZING, DIFFERENTIAL, schedule null, never populated" in text
    assert "public.c: SUSPENDED (paused), FULL, schedule null" in text
    assert "public.b" not in project.operation("pgstream_status", "{model_name: a}").text


def test_drop_all_drops_what_models_made_and_nothing_else(totals):
    totals.sql("select pgstream.create_stream_table('public.foreign_one', 'select id from public.orders')")
    totals.sql("create schema marts")
    totals.model("other", QUERY, stream_table_schema="marts", stream_table_name="elsewhere")
    totals.model("a_view", "select * from {{ ref('order_totals') }}", materialized="view")
    totals.model("second", "select customer_id, total from {{ ref('order_totals') }}")
    totals.run()
    result = totals.operation("drop_all_stream_tables")
    assert result.success, result.text
    for line in (
        "public.order_totals: dropped",
        "marts.elsewhere: dropped",
        "public.a_view: view dropped with public.order_totals",
    ):
        assert line in result.text
    assert totals.sql("select pgs_name from pgstream.pgs_stream_tables") == [("foreign_one",)]
    assert totals.kind("order_totals") is None
    assert totals.kind("foreign_one") == "r"


@pytest.mark.parametrize(
    ("outsider", "name"),
    [
        ("create view theirs as select * from order_totals", "view public.theirs"),
        (
            "select pgstream.create_stream_table('public.theirs', "
            "'select customer_id from public.order_totals')",
            "stream table public.theirs",
        ),
    ],
)
def test_drop_all_refuses_when_an_outsider_depends_on_one(totals, outsider, name):
    totals.model("another", QUERY)
    totals.run()
    totals.sql(outsider)
    result = totals.operation("drop_all_stream_tables")
    assert not result.success
    assert (
        f"nothing was dropped: {name}, which is not of this project, "
        "depends on stream table public.order_totals" in result.text
    )
    assert totals.stream_table("another") is not None
    assert totals.stream_table("order_totals") is not None


def test_drop_all_force_drops_all_and_lists_it(totals):
    totals.sql("select pgstream.create_stream_table('public.foreign_one', 'select id from public.orders')")
    totals.sql("select pgstream.create_stream_table('public.reads_it', 'select id from public.foreign_one')")
    totals.sql("create view theirs as select * from foreign_one")
    result = totals.operation("drop_all_stream_tables_force")
    assert result.success
    for line in (
        "public.order_totals: dropped",
        "public.foreign_one: dropped",
        "public.theirs: view dropped with public.foreign_one",
    ):
        assert line in result.text
    assert totals.sql("select count(*) from pgstream.pgs_stream_tables") == [(0,)]


def test_drop_all_copes_with_a_source_that_is_gone(totals):
    totals.sql("drop table orders cascade")
    assert totals.operation("drop_all_stream_tables").success
    assert totals.stream_table("order_totals") is None
    assert totals.kind("order_totals") is None


def test_drop_all_is_one_transaction(totals):
    totals.model("another", QUERY)
    totals.run()
    with totals.holding("lock table order_totals in access exclusive mode"):
        result = totals.dbt(
            "run-operation", "drop_all_stream_tables", "--vars", "{pgstream_lock_timeout: 0.5}"
        )
    assert not result.success
    assert totals.sql("select count(*) from pgstream.pgs_stream_tables") == [(2,)]


def test_drop_all_with_nothing_to_drop_says_so(project):
    assert "there are no stream tables to drop" in project.operation("drop_all_stream_tables").text
    assert project.operation("drop_all_stream_tables_force").success
