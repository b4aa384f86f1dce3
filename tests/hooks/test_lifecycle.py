"""The hook creates, replaces, alters and drops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    DependentObjectsExist,
    StreamTableExists,
    StreamTableNotFound,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import IS_FIRST, connect
from tests.fixtures.orders import NAME, QUERY


def rows(orders: Any, query: str) -> list[Any]:
    return list(orders.connection.execute(query).fetchall())


def test_created_table_is_read_back_as_it_was_asked_for(orders: Any, hook: PgStreamHook) -> None:
    result = hook.create(NAME, QUERY, schedule="2h", refresh_mode="full")
    table = hook.get("order_totals")
    assert result.outcome == "created"
    assert (table.name, table.query, table.schedule, table.refresh_mode) == (NAME, QUERY, "2h", "FULL")
    assert table.is_populated
    assert table.sources[0].name == "public.orders"
    assert rows(orders, f"select customer_id, total from {NAME} order by 1") == [(1, 10), (2, 20)]


def test_query_may_end_in_a_semicolon_or_a_comment(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, f"{QUERY} -- all of them", schedule="1h")
    hook.create("public.second", f"  {QUERY};\n", schedule="1h")
    assert rows(orders, "select count(*) from public.second") == [(2,)]
    assert hook.verify(NAME).equal


def test_table_created_paused_stays_paused_until_resumed(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", status="paused")
    assert hook.get(NAME).is_paused
    with pytest.raises(StreamTableSuspended, match=r"SUSPENDED \(paused\)"):
        hook.refresh(NAME)
    assert hook.resume(NAME).outcome == "altered"
    assert hook.refresh(NAME).outcome == "refreshed"
    assert hook.pause(NAME).outcome == "altered"
    assert hook.pause(NAME).outcome == "unchanged"


def test_existing_table_is_left_alone_or_replaced_as_asked(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    with pytest.raises(StreamTableExists, match="if_exists"):
        hook.create(NAME, QUERY, schedule="1h")
    assert hook.create(NAME, "select 1 as one from public.orders", if_exists="skip").outcome == "skipped"
    assert hook.get(NAME).query == QUERY
    assert hook.create(NAME, QUERY, schedule="1h", if_exists="replace").outcome == "unchanged"
    assert hook.create(NAME, QUERY, schedule="2h", if_exists="replace").outcome == "altered"
    recreated = "replaced" if IS_FIRST else "altered"  # which has an alter for it
    assert hook.create(NAME, QUERY, schedule=None, if_exists="replace").outcome == recreated
    assert hook.get(NAME).schedule is None
    fewer = f"{QUERY} having sum(amount) > 10"
    assert hook.create(NAME, fewer, schedule=None, if_exists="replace").outcome == recreated
    assert rows(orders, f"select customer_id from {NAME}") == [(2,)]


def test_table_that_something_reads_is_not_replaced(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql(f"create view public.big as select customer_id from {NAME}")
    with pytest.raises(DependentObjectsExist, match=r"view public\.big"):
        hook.create(NAME, QUERY.replace("sum", "max"), schedule="1h", if_exists="replace")
    assert hook.get(NAME).query == QUERY


def test_creation_waits_for_another_creation_of_whatever_table(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    with connect(orders.connection.info.dsn) as other:
        other.execute("select pg_advisory_xact_lock(1885827956, 1)")
        creation = in_thread(lambda: hook.create(NAME, QUERY, schedule="1h"))
        while not rows(orders, "select count(*) from pg_locks where locktype = 'advisory' and not granted")[
            0
        ][0]:
            assert creation.is_alive()
        other.commit()
    assert creation.result().outcome == "created"


def test_table_that_a_changed_view_makes_its_own_reader_is_not_named_among_its_readers(
    orders: Any, hook: PgStreamHook
) -> None:
    orders.sql("create view public.big as select id, amount from public.orders")
    hook.create("public.a", "select id, amount from public.big", schedule="1h")
    hook.create("public.b", "select id, amount from public.a", schedule="1h")
    orders.sql("create or replace view public.big as select id, amount from public.b")
    with pytest.raises(DependentObjectsExist) as error:
        hook.drop("public.a")
    readers = str(error.value).partition(" is read by ")[2]
    assert "stream table public.b" in readers
    assert "view public.big" in readers
    assert "public.a" not in readers


def test_drop_names_what_reads_the_table_and_cascade_drops_it_too(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.create("public.b", f"select customer_id, total from {NAME}", schedule="1h")
    orders.sql("create view public.v as select * from public.b")
    with pytest.raises(DependentObjectsExist) as error:
        hook.drop(NAME)
    assert "view public.v" in str(error.value)
    assert "stream table public.b" in str(error.value)
    assert len(hook.list()) == 2
    assert hook.drop(NAME, cascade=True).outcome == "dropped"
    assert hook.list() == ()
    assert orders.sql("select to_regclass('public.v')") is None
    assert orders.sql("select to_regclass('public.order_totals')") is None


def test_drop_of_nothing_is_skipped_or_refused_as_asked(orders: Any, hook: PgStreamHook) -> None:
    assert hook.drop(NAME).outcome == "skipped"
    with pytest.raises(StreamTableNotFound, match=NAME):
        hook.drop(NAME, if_exists=False)


def test_table_whose_source_was_dropped_is_told_of_and_can_be_dropped(
    orders: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql("drop table public.orders cascade")
    orders.sql("create table public.orders (id int primary key, customer_id int, amount int)")
    table = hook.get(NAME)
    assert table.vanished_sources
    assert "dropped or recreated" in table.concerns[0]
    assert "dropped or recreated" in (hook.cdc_health(NAME)[0].problem or "")
    with pytest.raises(Exception, match="dropped or recreated"):
        hook.verify(NAME)
    assert hook.drop(NAME).outcome == "dropped"
    assert hook.list() == ()


def test_replace_repairs_a_table_whose_source_was_recreated(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql("drop table public.orders cascade")
    orders.sql("create table public.orders (id int primary key, customer_id int, amount int)")
    orders.sql("insert into public.orders values (7, 7, 70)")
    assert hook.create(NAME, QUERY, schedule="1h", if_exists="replace").outcome == "replaced"
    assert rows(orders, f"select customer_id, total from {NAME}") == [(7, 70)]
    assert hook.get(NAME).concerns == ()


def test_two_sessions_can_create_on_one_source_at_once(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any], pgstream_conn_id: str
) -> None:
    def create(number: int) -> Any:
        other = PgStreamHook(postgres_conn_id=pgstream_conn_id)
        return other.create(f"public.t{number}", "select id, amount from public.orders", schedule="1h")

    threads = [in_thread(create, number) for number in range(6)]
    assert [thread.result().outcome for thread in threads] == ["created"] * 6
    assert len(hook.list()) == 6
