"""The states in which a model finds its name, and what each leads to."""

from __future__ import annotations

import pytest

from tests.fixtures.engine import ENGINE, IS_FIRST

TOTALS = """
select customer_id, sum(amount) as total, count(*) as orders
from {{ source('raw', 'orders') }}
group by customer_id
"""


def rows(project, name="order_totals"):
    return sorted(project.sql(f"select customer_id, total, orders from {name}"))


def expected(project):
    return sorted(project.sql("select customer_id, sum(amount), count(*) from orders group by 1"))


def test_an_absent_stream_table_is_created_and_populated(project):
    project.model("order_totals", TOTALS, schedule="5m")
    assert project.stream_table("order_totals") is None

    result = project.run()

    assert result.success
    assert result.messages["order_totals"] == "created: it is new"
    table = project.stream_table("order_totals")
    assert (table["schedule"], table["refresh_mode"], table["status"]) == ("5m", "DIFFERENTIAL", "ACTIVE")
    assert table["is_populated"]
    assert rows(project) == expected(project)


def test_the_defaults_are_one_minute_and_differential(project):
    project.write("models/order_totals.sql", "{{ config(materialized='stream_table') }}" + TOTALS)
    assert project.run().success
    table = project.stream_table("order_totals")
    assert (table["schedule"], table["refresh_mode"], table["is_populated"]) == ("1m", "DIFFERENTIAL", True)


def test_a_created_table_takes_up_changes_by_a_differential_refresh(totals):
    totals.sql("insert into orders (customer_id, amount) values (1, 1000), (77, 1)")
    totals.sql("select pgstream.refresh_stream_table('public.order_totals')")
    assert rows(totals) == expected(totals)


def test_initialize_false_leaves_it_empty_and_says_so_in_the_catalog(project):
    project.model("order_totals", TOTALS, initialize=False)
    assert project.run().success
    table = project.stream_table("order_totals")
    assert (table["status"], table["is_populated"]) == ("INITIALIZING", False)
    assert rows(project) == []


def test_nothing_changed_is_skipped(totals):
    before = totals.stream_table("order_totals")
    result = totals.run()
    assert result.messages["order_totals"] == "skip"
    assert totals.stream_table("order_totals") == before


@pytest.mark.pg_stream_only("it alters the query in place")
def test_a_changed_query_recreates_it_and_says_why(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", TOTALS.replace("group by", "where amount > 50\ngroup by"))

    result = totals.run()

    assert result.messages["order_totals"] == "recreated: its query changed"
    after = totals.stream_table("order_totals")
    assert after["oid"] != before["oid"]
    assert "amount > 50" in after["query"]
    assert sum(row[2] for row in rows(totals)) == 50


@pytest.mark.pg_trickle_only("pg_stream cannot alter a query")
def test_a_changed_query_of_the_same_columns_is_altered_in_place_and_keeps_what_stands_on_it(totals):
    totals.sql("create view big as select customer_id, total from order_totals where total > 10")
    before = totals.stream_table("order_totals")
    totals.model("order_totals", TOTALS.replace("group by", "where amount > 50\ngroup by"))

    result = totals.run()

    assert result.messages["order_totals"] == "altered: its query changed"
    after = totals.stream_table("order_totals")
    assert after["oid"] == before["oid"]
    assert "amount > 50" in after["query"]
    assert sum(row[2] for row in rows(totals)) == 50
    assert totals.kind("big") == "v"
    totals.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert totals.operation("pgstream_refresh", "{model_name: order_totals}").success
    assert sum(row[2] for row in rows(totals)) == 51
    assert totals.run().messages["order_totals"] == "skip"


@pytest.mark.pg_trickle_only("pg_stream cannot alter a query")
@pytest.mark.parametrize(
    "columns",
    [
        "customer_id, count(*) as orders, sum(amount) as total",
        "customer_id, sum(amount) as total",
        "customer_id, sum(amount) as total, count(*)::int as orders",
        "customer_id, sum(amount) as total, count(*) as orders, max(amount) as most",
    ],
)
def test_a_changed_query_of_other_columns_recreates_it(totals, columns):
    before = totals.stream_table("order_totals")
    query = f"select {columns} from {{{{ source('raw', 'orders') }}}} group by customer_id"
    totals.model("order_totals", query)
    assert totals.run().messages["order_totals"] == "recreated: its query changed"
    assert totals.stream_table("order_totals")["oid"] != before["oid"]
    query = query.replace("{{ source('raw', 'orders') }}", "public.orders")
    names = "customer_id, total" + (", orders" if "orders" in columns else "")
    assert sorted(totals.sql(f"select {names} from order_totals")) == sorted(
        totals.sql(f"select {names} from ({query}) q")
    )


@pytest.mark.pg_trickle_only("pg_stream cannot alter a query")
def test_a_changed_query_that_reads_another_table_recreates_it(totals):
    totals.sql("create table others (customer_id int, amount numeric); insert into others values (1, 5)")
    totals.model("order_totals", TOTALS.replace("{{ source('raw', 'orders') }}", "public.others"))
    assert totals.run().messages["order_totals"] == "recreated: its query changed"
    assert rows(totals) == [(1, 5, 1)]


def test_full_refresh_recreates_it(totals):
    before = totals.stream_table("order_totals")
    assert totals.run("--full-refresh").messages["order_totals"] == "recreated: full refresh"
    assert totals.stream_table("order_totals")["oid"] != before["oid"]


def test_a_changed_schedule_is_altered_in_place(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", TOTALS, schedule="10m")

    result = totals.run()

    assert result.messages["order_totals"] == "altered: schedule from null to 10m"
    after = totals.stream_table("order_totals")
    assert (after["oid"], after["schedule"], after["refresh_mode"]) == (before["oid"], "10m", "DIFFERENTIAL")


@pytest.mark.pg_stream_only("it has a tier for tables that nobody drives")
def test_a_schedule_that_becomes_null_recreates_it_because_the_engine_cannot_alter_it_so(totals):
    totals.model("order_totals", TOTALS, schedule="10m")
    totals.run()
    before = totals.stream_table("order_totals")
    totals.model("order_totals", TOTALS, schedule=None)

    assert totals.run().messages["order_totals"] == "recreated: schedule from 10m to null"
    after = totals.stream_table("order_totals")
    assert after["schedule"] is None
    assert after["oid"] != before["oid"]


@pytest.mark.pg_trickle_only("pg_stream has no tiers")
def test_a_schedule_comes_and_goes_in_place_and_nobody_drives_one_without(totals):
    before = totals.stream_table("order_totals")
    assert before["refresh_tier"] == "frozen"
    for schedule, stored, tier in (
        ("10m", "10m", "hot"),
        (None, None, "frozen"),
        ("calculated", None, "hot"),
    ):
        totals.model("order_totals", TOTALS, schedule=schedule)
        assert totals.run().messages["order_totals"].startswith("altered: schedule from ")
        after = totals.stream_table("order_totals")
        assert (after["oid"], after["schedule"], after["refresh_tier"]) == (before["oid"], stored, tier)
        assert totals.run().messages["order_totals"] == "skip"


def test_differential_becomes_full_in_place(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", TOTALS, refresh_mode="full")
    assert totals.run().messages["order_totals"] == "altered: refresh_mode from DIFFERENTIAL to FULL"
    after = totals.stream_table("order_totals")
    assert (after["oid"], after["refresh_mode"]) == (before["oid"], "FULL")


def test_full_becomes_differential_with_rows_that_stay_right(project):
    project.model("order_totals", TOTALS, refresh_mode="FULL")
    project.run()
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    project.model("order_totals", TOTALS, refresh_mode="DIFFERENTIAL")

    assert project.run().success

    assert project.stream_table("order_totals")["refresh_mode"] == "DIFFERENTIAL"
    for _ in range(2):
        assert rows(project) == expected(project)
        project.sql("insert into orders (customer_id, amount) values (2, 7)")
        assert project.operation("pgstream_refresh", "{model_name: order_totals}").success
    assert rows(project) == expected(project)


def test_several_changes_are_one_alter(totals):
    hourly = "@hourly" if IS_FIRST else "1h"
    totals.model("order_totals", TOTALS, schedule=hourly, refresh_mode="FULL", status="PAUSED")
    said = totals.run().messages["order_totals"]
    assert said == (
        f"altered: schedule from null to {hourly}, refresh_mode from DIFFERENTIAL to FULL, "
        "status from ACTIVE to SUSPENDED"
    )
    table = totals.stream_table("order_totals")
    assert (table["schedule"], table["refresh_mode"], table["status"]) == (hourly, "FULL", "SUSPENDED")


def test_a_paused_model_is_created_populated_and_paused(project):
    project.model("order_totals", TOTALS, status="PAUSED")
    assert project.run().success
    table = project.stream_table("order_totals")
    assert (table["status"], table["is_populated"]) == ("SUSPENDED", True)
    assert rows(project) == expected(project)


def test_status_null_leaves_a_paused_table_alone(totals):
    totals.sql("select pgstream.alter_stream_table('public.order_totals', status => 'SUSPENDED')")
    assert totals.run().messages["order_totals"] == "skip"
    assert totals.stream_table("order_totals")["status"] == "SUSPENDED"


def test_status_active_resumes_a_paused_table(totals):
    totals.sql("select pgstream.alter_stream_table('public.order_totals', status => 'SUSPENDED')")
    totals.model("order_totals", TOTALS, status="ACTIVE")
    assert totals.run().messages["order_totals"] == "altered: status from SUSPENDED to ACTIVE"
    assert totals.stream_table("order_totals")["status"] == "ACTIVE"


@pytest.mark.parametrize("word", ["continue", "fail"])
def test_on_configuration_change_keeps_the_table_as_it_is(totals, word):
    totals.model("order_totals", TOTALS, schedule="10m", on_configuration_change=word)
    before = totals.stream_table("order_totals")

    result = totals.run()

    assert totals.stream_table("order_totals") == before
    assert "its configuration changed (schedule from null to 10m)" in result.text
    assert result.success == (word == "continue")


def test_full_refresh_false_raises_instead_of_recreating(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", TOTALS.replace("count(*)", "count(*)::int"), full_refresh=False)
    result = totals.run()
    assert not result.success
    assert "would have to be recreated (its query changed)" in result.messages["order_totals"]
    assert totals.stream_table("order_totals") == before


def test_full_refresh_false_survives_the_flag(totals):
    totals.model("order_totals", TOTALS, full_refresh=False)
    before = totals.stream_table("order_totals")
    assert totals.run("--full-refresh").messages["order_totals"] == "skip"
    assert totals.stream_table("order_totals") == before


def test_a_table_in_error_is_rebuilt(totals):
    totals.sql("alter table orders rename to old_orders")
    totals.sql("create table orders as table old_orders")
    totals.sql("drop table old_orders cascade")
    assert totals.stream_table("order_totals")["status"] == "ERROR"

    result = totals.run()

    assert result.success
    assert result.messages["order_totals"].startswith("recreated: ")
    assert totals.stream_table("order_totals")["status"] == "ACTIVE"
    totals.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert totals.operation("pgstream_refresh", "{model_name: order_totals}").success
    assert rows(totals) == expected(totals)


def test_a_source_recreated_under_a_new_oid_rebuilds_it_although_its_status_was_set_active_again(totals):
    totals.sql("alter table orders rename to old_orders")
    totals.sql("create table orders as table old_orders")
    totals.sql("drop table old_orders cascade")
    totals.sql("select pgstream.alter_stream_table('public.order_totals', status => 'ACTIVE')")

    result = totals.run()

    assert result.messages["order_totals"] == "recreated: a source of it is gone or was recreated"
    assert rows(totals) == expected(totals)


def test_a_storage_table_that_was_renamed_is_recreated(totals):
    totals.sql("alter table order_totals rename to elsewhere")
    result = totals.run()
    assert result.success
    assert rows(totals) == expected(totals)
    table = totals.stream_table("order_totals")
    assert table["oid"] == table[f"{ENGINE.prefix}_relid"]


def test_a_dropped_table_is_created_again(totals):
    totals.sql("drop table order_totals")
    assert totals.run().messages["order_totals"] == "created: it is new"
    assert rows(totals) == expected(totals)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("create view order_totals as select 1 as one", "view"),
        ("create table order_totals as select 1 as one", "table"),
        ("create materialized view order_totals as select 1 as one", "materialized view"),
        ("create table order_totals (one int) partition by list (one)", "table"),
        ("create sequence order_totals", "sequence"),
    ],
)
def test_another_relation_of_that_name_is_replaced_whatever_its_type(project, statement, kind):
    project.sql(statement)
    project.model("order_totals", TOTALS)
    assert project.run().messages["order_totals"] == f"created: it replaces a {kind}"
    assert project.stream_table("order_totals")["is_populated"]
    assert rows(project) == expected(project)


def test_what_a_recreation_takes_along_is_named(totals):
    totals.sql("create view big as select * from order_totals where total > 10")
    totals.sql("create view bigger as select * from big")
    totals.sql("create materialized view frozen as select * from order_totals")
    totals.sql(
        "select pgstream.create_stream_table('public.second', "
        "'select customer_id, total from public.order_totals')"
    )

    text = totals.run("--full-refresh").text

    assert "public.order_totals takes view public.big along" in text
    assert "public.order_totals takes view public.bigger along" in text
    assert "public.order_totals takes materialized view public.frozen along" in text
    assert "stream table public.second reads it" in text
    assert totals.kind("big") is None
    assert totals.kind("frozen") is None
