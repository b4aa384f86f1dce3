"""What lets changes by without a trace is a finding of the diagnosis, and a word of the health sensor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import CaptureBroken
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.sensors import PgStreamCdcHealthSensor
from tests.fixtures.engine import connect

NAME = "public.order_totals"
TRIGGERS = """
select tgname from pg_trigger
 where tgrelid = 'public.orders'::regclass and tgname like 'pg_stream_cdc_%'
"""
SUBSCRIBE = (
    "create subscription replica_of_shop connection '{}' publication shop"
    " with (connect = false, slot_name = none)"
)
# What a subscription that connects notes of each table that it writes.
NOTE = (
    "set allow_system_table_mods = on; insert into pg_subscription_rel (srsubid, srrelid, srsubstate)"
    " select oid, 'public.orders'::regclass, 'r' from pg_subscription where subname = 'replica_of_shop';"
    " reset allow_system_table_mods"
)


@pytest.fixture
def hook(unserved_conn_id: str) -> PgStreamHook:
    """No scheduler serves this database, so that nothing but the risk is found."""
    return PgStreamHook(postgres_conn_id=unserved_conn_id)


@pytest.fixture
def orders(unserved_orders: Any) -> Any:
    return unserved_orders


def health(hook: PgStreamHook, stream_table: str | None = None) -> Any:
    return PgStreamCdcHealthSensor(
        task_id="health", stream_table=stream_table, postgres_conn_id=hook.get_conn_id()
    ).execute({})


def fire_always(orders: Any, table: str = "public.orders") -> None:
    for (trigger,) in orders.connection.execute(TRIGGERS).fetchall():
        orders.sql(f"alter table {table} enable always trigger {trigger}")


def differing(orders: Any, name: str = NAME) -> int:
    """Return how many totals are wrong."""
    return int(
        orders.sql(
            "select count(*) from (select customer_id, sum(amount) as total from public.orders group by 1) q"
            f" full join {name} t using (customer_id) where q.total is distinct from t.total"
        )
    )


def test_sound_capture_has_no_risks(orders: Any, hook: PgStreamHook) -> None:
    orders.create(schedule=None)
    hook.refresh(NAME)
    assert hook.diagnose().findings == ()


@pytest.fixture
def subscription(orders: Any, pgstream_dsn: str) -> Iterator[None]:
    """A subscription that writes the orders; it is not connected: the emulator's server sends no WAL."""
    orders.sql(SUBSCRIBE.format(pgstream_dsn))
    orders.sql(NOTE)
    yield
    orders.sql("drop subscription replica_of_shop")


def test_subscription_that_fires_no_change_trigger_breaks_capture(
    orders: Any, hook: PgStreamHook, subscription: None
) -> None:
    orders.create(schedule=None)
    with pytest.raises(CaptureBroken, match=r"subscription replica_of_shop.*enable always trigger"):
        health(hook)
    (finding,) = hook.diagnose().findings
    assert "public.orders that subscription replica_of_shop applies are not captured" in finding
    assert f"refresh {NAME} with full=True" in finding


def test_what_the_finding_on_replication_says_to_do_is_enough(
    orders: Any, hook: PgStreamHook, subscription: None
) -> None:
    orders.create(schedule=None)
    hook.refresh(NAME)
    apply = "set session_replication_role = replica; insert into public.orders values ({}, 1, 5);"
    orders.sql(apply.format(11) + " reset session_replication_role")
    hook.refresh(NAME)
    assert differing(orders) == 1, "else there is nothing to find"
    fire_always(orders)
    hook.refresh(NAME, full=True)
    orders.sql(apply.format(12) + " reset session_replication_role")
    hook.refresh(NAME)
    assert differing(orders) == 0
    assert hook.diagnose().findings == ()
    assert health(hook)


@pytest.mark.skipif(not os.environ.get("PGSTREAM_TEST_DSN"), reason="the emulator's server sends no WAL")
def test_rows_that_a_real_subscription_applies_are_lost_until_the_triggers_fire_always(
    orders: Any, hook: PgStreamHook, pgstream_dsn: str
) -> None:
    orders.create(schedule=None)
    hook.refresh(NAME)
    with connect(pgstream_dsn, autocommit=True) as publisher:

        def replicate(number: int) -> None:
            publisher.execute("insert into public.orders values (%s, 1, 5)", [number])
            deadline = time.monotonic() + 60
            while not orders.sql("select count(*) from public.orders where id = %s", number):
                assert time.monotonic() < deadline

        publisher.execute("create table public.orders (id int primary key, customer_id int, amount int)")
        publisher.execute("create publication shop for table public.orders")
        publisher.execute("select pg_create_logical_replication_slot('shop_slot', 'pgoutput')")
        orders.sql(
            f"create subscription replica_of_shop connection '{pgstream_dsn}' publication shop"
            " with (create_slot = false, slot_name = shop_slot, copy_data = false)"
        )
        try:
            replicate(11)
            hook.refresh(NAME)
            assert differing(orders) == 1
            with pytest.raises(CaptureBroken, match="subscription replica_of_shop"):
                health(hook)
            fire_always(orders)
            hook.refresh(NAME, full=True)
            replicate(12)
            hook.refresh(NAME)
            assert differing(orders) == 0
            assert health(hook)
        finally:
            orders.sql("alter subscription replica_of_shop disable")
            orders.sql("alter subscription replica_of_shop set (slot_name = none)")
            orders.sql("drop subscription replica_of_shop")
            publisher.execute(
                "select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where active"
            )
            publisher.execute("select pg_drop_replication_slot('shop_slot')")
            publisher.execute("drop publication shop")


def test_role_that_writes_as_a_replica_is_warned_of(
    orders: Any, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    orders.create(schedule=None)
    orders.sql("create role silent_loader; create role silent_reader")
    try:
        orders.sql("grant insert on public.orders to silent_loader")
        orders.sql("grant select on public.orders to silent_reader")
        for role in ("silent_loader", "silent_reader"):
            orders.sql(f"alter role {role} set session_replication_role = replica")
        (finding,) = hook.diagnose().findings
        assert "changes of public.orders that silent_loader makes are not captured" in finding
        assert "silent_reader" not in finding
        assert health(hook)
        assert "silent_loader" in told()
        fire_always(orders)
        assert hook.diagnose().findings == ()
    finally:
        orders.sql("drop owned by silent_loader, silent_reader; drop role silent_loader, silent_reader")


def test_partitions_are_warned_of_and_a_full_refresh_makes_up_for_an_attach(
    orders: Any, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    orders.sql("drop table public.orders")
    orders.sql("create table public.orders (id int, customer_id int, amount int) partition by range (id)")
    orders.sql("create table public.orders_1 partition of public.orders for values from (0) to (100)")
    orders.sql("create table public.orders_2 (id int, customer_id int, amount int)")
    orders.sql("insert into public.orders values (1, 1, 10); insert into public.orders_2 values (101, 2, 20)")
    orders.create(schedule=None)
    hook.refresh(NAME)
    assert differing(orders) == 0
    orders.sql("alter table public.orders attach partition public.orders_2 for values from (100) to (200)")
    hook.refresh(NAME)
    assert differing(orders) == 1, "else there is nothing to find"
    (finding,) = hook.diagnose().findings
    assert "public.orders is partitioned, and ATTACH, DETACH and TRUNCATE" in finding
    assert f"refresh {NAME} with full=True" in finding
    assert health(hook)
    assert "is partitioned" in told()
    hook.refresh(NAME, full=True)
    assert differing(orders) == 0


def test_inheritance_children_are_found_and_a_refresh_from_outside_recomputes(
    orders: Any, hook: PgStreamHook
) -> None:
    orders.create(schedule=None)
    hook.refresh(NAME)
    orders.sql("create table public.old_orders () inherits (public.orders)")
    orders.sql("insert into public.old_orders values (50, 5, 50)")
    (finding,) = hook.diagnose().findings
    assert "changes of old_orders, inheritance children of public.orders, are not captured" in finding
    result = hook.refresh(NAME)
    assert result.action == "FULL"
    assert differing(orders) == 0


def test_tables_in_full_mode_have_no_risk(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create table public.old_orders () inherits (public.orders)")
    query = "select customer_id, sum(amount) as total from public.orders group by customer_id"
    hook.create(NAME, query, schedule=None, refresh_mode="FULL")
    assert hook.diagnose().findings == ()


def test_frontier_from_another_server_is_found_and_the_next_refresh_recomputes(
    orders: Any, hook: PgStreamHook
) -> None:
    orders.create(schedule=None)
    hook.refresh(NAME)
    oid = orders.sql("select 'public.orders'::regclass::oid::bigint")
    orders.sql(
        "update pgstream.pgs_stream_tables set frontier ="
        f" jsonb_set(frontier, '{{sources,{oid},lsn}}', '\"7FFFFFFF/0\"')"
    )
    orders.sql("insert into public.orders values (60, 6, 60)")
    (finding,) = hook.diagnose().findings
    assert f"stream table {NAME} was refreshed on another server" in finding
    assert "another server" in str(hook.refresh(NAME).reason)
    assert differing(orders) == 0
    assert hook.diagnose().findings == ()


@pytest.mark.parametrize(("trigger", "is_found"), [("a_rounder", True), ("z_rounder", False)])
def test_trigger_that_writes_its_own_row_is_found_where_it_comes_before_the_capture(
    orders: Any, hook: PgStreamHook, trigger: str, is_found: bool
) -> None:
    orders.sql(
        "create function public.round_it() returns trigger language plpgsql as $$ begin"
        " if new.amount % 10 <> 0 then"
        "  update public.orders set amount = amount - amount % 10 where id = new.id;"
        " end if; return null; end $$"
    )
    orders.sql(
        f"create trigger {trigger} after insert or update on public.orders"
        " for each row execute function public.round_it()"
    )
    orders.create(schedule=None)
    hook.refresh(NAME)
    assert any(trigger in finding for finding in hook.diagnose().findings) == is_found
    if not is_found:
        orders.sql("insert into public.orders values (70, 7, 77)")
        hook.refresh(NAME)
        assert differing(orders) == 0


def test_trigger_that_writes_another_table_is_no_risk(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create table public.orders_log (id int)")
    orders.sql(
        "create function public.log_it() returns trigger language plpgsql as $$ begin"
        " insert into public.orders_log select id from public.orders where id = new.id;"
        " update public.orders_log set id = new.id; return null; end $$"
    )
    orders.sql(
        "create trigger a_log after insert on public.orders for each row execute function public.log_it()"
    )
    orders.create(schedule=None)
    assert hook.diagnose().findings == ()


@pytest.mark.pg_stream_only("its scheduler keeps what another has yet to read")
def test_scheduled_neighbour_on_the_same_source_is_found(
    pgstream_dsn: str, pgstream_conn_id: str, scheduler: None, told: Callable[[], str]
) -> None:
    from tests.fixtures.orders import Orders

    with connect(pgstream_dsn, autocommit=True) as connection:
        orders = Orders(connection)
        orders.create(NAME, schedule=None)
        orders.create("public.scheduled", schedule="1h")
        served = PgStreamHook(postgres_conn_id=pgstream_conn_id)
        findings = [f for f in served.diagnose().findings if "which the engine's scheduler refreshes" in f]
        assert len(findings) == 1
        assert f"stream table {NAME}, which has no schedule" in findings[0]
        assert "public.orders with public.scheduled" in findings[0]
        assert health(served, NAME)
        assert "public.scheduled" in told()
        served.pause("public.scheduled")
        assert not [f for f in served.diagnose().findings if "which the engine's scheduler refreshes" in f]


def test_neighbours_that_nobody_schedules_are_no_risk(orders: Any, hook: PgStreamHook) -> None:
    orders.create(NAME, schedule=None)
    orders.create("public.scheduled", schedule="1h")
    assert hook.diagnose().findings == ()
