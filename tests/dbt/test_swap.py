"""A changed query without a gap: the new table takes the place of the old one, with all that stands on it."""

from __future__ import annotations

import os
import signal

import pytest

QUERY = "select customer_id, sum(amount) as total from {{ source('raw', 'orders') }} group by customer_id"
COUNTED = QUERY.replace("as total", "as total, count(*) as orders")
DOUBLED = COUNTED.replace("sum(amount)", "sum(amount * 2)")


@pytest.fixture
def read(totals):
    """A stream table that views and another stream table read, with what was made by hand."""
    totals.model("second", "select customer_id, total from {{ ref('order_totals') }}")
    assert totals.run().success
    totals.sql("drop role if exists pgstream_reader; create role pgstream_reader")
    totals.sql("create view shown as select customer_id, total from order_totals")
    totals.sql("create view big as select * from shown where total > 1000")
    totals.sql("create index by_total on order_totals (total)")
    totals.sql("grant select on order_totals, big to pgstream_reader")
    totals.sql("comment on column order_totals.total is 'kept'")
    yield totals
    totals.sql("drop owned by pgstream_reader; drop role pgstream_reader")


def left_beside(project):
    return project.sql("select relname from pg_class where relname ~ '__(next|old|tap)'")


def is_right(project, factor=1):
    assert project.operation("pgstream_refresh_all").success
    expected = sorted(project.sql(f"select customer_id, sum(amount * {factor}) from orders group by 1"))
    for name in ("order_totals", "shown", "second"):
        assert sorted(project.sql(f"select customer_id, total from {name}")) == expected, name


def test_a_changed_query_is_swapped_in_and_all_that_stands_on_the_table_stays(read):
    before = (
        read.stream_table("order_totals"),
        read.sql("select 'shown'::regclass::oid, 'big'::regclass::oid"),
    )
    read.model("order_totals", DOUBLED)

    result = read.run()

    assert result.success, result.text
    assert result.messages == {"order_totals": "swapped: its query changed", "second": "skip"}
    assert "all its rows (" in result.text
    after = read.stream_table("order_totals")
    assert after["oid"] != before[0]["oid"]
    assert (after["status"], after["schedule"], after["is_populated"]) == ("ACTIVE", None, True)
    assert read.sql("select 'shown'::regclass::oid, 'big'::regclass::oid") == before[1]
    assert read.sql("select has_table_privilege('pgstream_reader', 'order_totals', 'select')") == [(True,)]
    assert read.sql("select col_description('order_totals'::regclass, 3)") == [("kept",)]
    assert read.sql(
        "select indrelid::regclass::text from pg_index where indexrelid = 'by_total'::regclass"
    ) == [("order_totals",)]
    assert left_beside(read) == []
    is_right(read, 2)
    read.sql("insert into orders (customer_id, amount) values (1, 1000), (99, 1)")
    read.sql("update orders set amount = 5 where id = 3")
    is_right(read, 2)
    assert set(read.run().messages.values()) == {"skip"}
    read.model("order_totals", COUNTED)
    assert read.run().messages["order_totals"] == "swapped: its query changed"
    is_right(read)


def test_the_models_own_indexes_grants_and_comments_follow_its_configuration(totals):
    totals.sql("drop role if exists pgstream_reader; create role pgstream_reader")
    totals.model("order_totals", COUNTED, indexes=[{"columns": ["total"]}])
    assert totals.run().success
    totals.model(
        "order_totals",
        DOUBLED,
        indexes=[{"columns": ["orders"]}],
        grants={"select": ["pgstream_reader"]},
        post_hook="comment on column {{ this }}.total is 'hooked'",
    )
    assert totals.run().messages["order_totals"] == "swapped: its query changed"
    columns = totals.sql(
        "select array_agg(a.attname::text) from pg_index i join pg_attribute a on a.attrelid = i.indexrelid "
        "join pg_class c on c.oid = i.indexrelid "
        "where i.indrelid = 'order_totals'::regclass and c.relname ~ '^[0-9a-f]{32}$'"
    )
    assert columns == [(["orders"],)]
    assert totals.sql("select has_table_privilege('pgstream_reader', 'order_totals', 'select')") == [(True,)]
    assert totals.sql("select col_description('order_totals'::regclass, 3)") == [("hooked",)]
    totals.sql("drop owned by pgstream_reader; drop role pgstream_reader")


def test_a_column_that_readers_use_is_named_before_anything_happens(read):
    before = read.stream_table("order_totals")
    read.model("order_totals", QUERY.replace("sum(amount) as total", "count(*) as orders"))
    message = read.run("--select", "order_totals").messages["order_totals"]
    assert "stream table public.order_totals cannot be swapped: stream table public.second reads" in message
    assert "its column total, which is lost or of another type" in message
    assert "on_query_change: recreate" in message
    assert "CONTEXT" not in message
    read.sql("select pgstream.drop_stream_table('public.second')")
    message = read.run("--select", "order_totals").messages["order_totals"]
    assert "view public.shown cannot read it any more" in message
    assert read.stream_table("order_totals") == before
    assert left_beside(read) == []
    assert read.run("--select", "order_totals", "--full-refresh").success
    assert read.kind("shown") is None


def test_fail_leaves_it_as_it_is_and_says_so(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", DOUBLED, on_query_change="fail")
    result = totals.run()
    assert "its query changed, and on_query_change is fail" in result.messages["order_totals"]
    assert totals.stream_table("order_totals") == before
    totals.model("order_totals", DOUBLED, on_query_change="replace")
    expected = "on_query_change is 'replace', expected one of SWAP, RECREATE, FAIL"
    assert expected in totals.run().messages["order_totals"]


def test_a_failing_population_leaves_the_old_one(read):
    before = read.stream_table("order_totals")
    read.model("order_totals", COUNTED.replace("count(*)", "count(*) / min(amount - 1)::int"))
    result = read.run("--select", "order_totals")
    assert "stream table public.order_totals could not be populated: division by zero" in str(
        result.messages["order_totals"]
    )
    assert read.stream_table("order_totals") == before
    assert left_beside(read) == []


def test_a_post_hook_that_fails_fails_the_model_after_the_swap(read):
    read.model("order_totals", DOUBLED, post_hook="select 1 / 0")
    result = read.run("--select", "order_totals")
    assert "division by zero" in result.messages["order_totals"]
    assert left_beside(read) == []
    is_right(read, 2)


def test_a_reader_that_stays_is_named_and_the_old_one_goes_on(read):
    before = read.stream_table("order_totals")
    read.model("order_totals", DOUBLED)
    with read.holding("select * from big"):
        result = read.run("--select", "order_totals", "--vars", "{pgstream_lock_timeout: 1}")
    assert "holds" in result.messages["order_totals"]
    assert "select * from big" in result.messages["order_totals"]
    assert read.stream_table("order_totals") == before
    assert left_beside(read) == []
    assert read.run("--select", "order_totals").success


def test_dbt_killed_while_it_waits_for_readers_leaves_the_old_one(read):
    before = read.stream_table("order_totals")
    read.model("order_totals", DOUBLED)
    with read.holding("select * from big"):
        process = read.command("run", "--select", "order_totals", "--vars", "{pgstream_lock_timeout: 60}")
        waits = (
            "select count(*) from pg_stat_activity where query ~ 'to be swapped' and state = 'active' "
            "and pid <> pg_backend_pid() and exists (select from pgstream.pgs_stream_tables "
            "where pgs_name = 'order_totals__next' and is_populated)"
        )
        while read.sql(waits) == [(0,)]:
            assert process.poll() is None, process.communicate()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        read.sql(waits.replace("count(*)", "pg_terminate_backend(pid, 10000)"))
    assert read.stream_table("order_totals") == before
    assert read.stream_table("order_totals__next")["is_populated"]
    is_right_before = read.operation("pgstream_refresh", "{model_name: order_totals}")
    assert is_right_before.success, is_right_before.text
    assert read.run().success
    assert left_beside(read) == []
    is_right(read, 2)


def test_a_paused_one_stays_paused(totals):
    totals.sql("select pgstream.alter_stream_table('public.order_totals', status => 'SUSPENDED')")
    totals.model("order_totals", DOUBLED)
    assert totals.run().messages["order_totals"] == "swapped: its query changed"
    assert totals.stream_table("order_totals")["status"] == "SUSPENDED"
    assert totals.sql("select sum(total) from order_totals") == totals.sql(
        "select sum(amount) * 2 from orders"
    )


def test_a_column_is_added_to_a_view_that_shows_it_elsewhere(project):
    project.model("order_totals", QUERY, stream_table_name="stored")
    assert project.run().success
    project.model("order_totals", COUNTED, stream_table_name="stored")
    assert project.run().messages["order_totals"] == "swapped: its query changed"
    assert project.sql("select sum(orders) from order_totals") == [(100,)]
