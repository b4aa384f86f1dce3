"""Trimming change buffers: what a stream table has yet to read stays."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

TOTALS = "select customer_id, sum(amount) as total from public.orders group by customer_id"


@pytest.fixture
def hook(unserved_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=unserved_conn_id)


@pytest.fixture
def orders(unserved_orders: Any) -> Any:
    return unserved_orders


def pending(orders: Any) -> int:
    oid = orders.sql("select 'public.orders'::regclass::oid::bigint")
    return int(orders.sql(f"select count(*) from pgstream_changes.changes_{oid}"))


def differing(orders: Any, name: str) -> int:
    query = f"select count(*) from ({TOTALS}) q full join {name} t using (customer_id)"
    return int(orders.sql(f"{query} where q.total is distinct from t.total"))


def test_trim_leaves_what_a_table_without_a_frontier_has_yet_to_read(orders: Any, hook: PgStreamHook) -> None:
    hook.create("public.ours", TOTALS, schedule=None)
    hook.refresh("public.ours")
    hook.create("public.later", TOTALS, schedule=None)
    oid = orders.sql("select pgs_relid from pgstream.pgs_stream_tables where pgs_name = 'later'")
    orders.sql("update pgstream.pgs_stream_tables set frontier = null where pgs_relid = %s", oid)
    orders.sql("insert into public.orders values (3, 3, 30)")
    orders.sql("update public.orders set amount = amount + 1")
    hook.refresh("public.ours")
    before = pending(orders)
    assert hook.trim() == {}
    assert pending(orders) == before
    hook.refresh("public.later")
    assert hook.trim() != {}
    assert [differing(orders, name) for name in ("public.ours", "public.later")] == [0, 0]


def test_trim_deletes_what_all_have_read_and_no_more(orders: Any, hook: PgStreamHook) -> None:
    for name in ("public.ours", "public.later"):
        hook.create(name, TOTALS, schedule=None)
        hook.refresh(name)
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh("public.ours")
    hook.trim()
    orders.sql("insert into public.orders values (4, 3, 30)")
    hook.refresh("public.later")
    assert differing(orders, "public.later") == 0
    hook.refresh("public.ours")
    assert differing(orders, "public.ours") == 0
    hook.trim()
    assert pending(orders) == 0


def test_table_in_full_mode_keeps_no_buffer_from_being_trimmed(orders: Any, hook: PgStreamHook) -> None:
    hook.create("public.ours", TOTALS, schedule=None)
    hook.create("public.recomputed", TOTALS, schedule=None, refresh_mode="FULL")
    orders.sql("update pgstream.pgs_stream_tables set frontier = null where refresh_mode = 'FULL'")
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh("public.ours")
    hook.trim()
    assert pending(orders) == 0
