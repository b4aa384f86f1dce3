"""The hook examines: capture, scheduler, the table at fault; and trims what was read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import ENGINE
from tests.fixtures.orders import NAME, QUERY


def advisory_locks(orders: Any) -> int:
    return int(orders.sql("select count(*) from pg_locks where locktype = 'advisory'"))


def test_capture_that_was_switched_off_is_seen(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    assert [source.problem for source in hook.cdc_health()] == [None]
    trigger = orders.sql(
        "select min(tgname) from pg_trigger where tgrelid = 'public.orders'::regclass and not tgisinternal"
    )
    orders.sql(f"alter table public.orders disable trigger {trigger}")
    assert "disabled" in (hook.cdc_health("order_totals")[0].problem or "")
    orders.sql(f"drop trigger {trigger} on public.orders")
    assert "missing" in (hook.cdc_health(NAME)[0].problem or "")


def test_trim_deletes_what_every_reader_has_read_and_nothing_else(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    hook.create("public.second", "select id, amount from public.orders", schedule=None)
    hook.refresh(NAME)
    hook.refresh("public.second")
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh(NAME)
    hook.trim(NAME)
    hook.refresh("public.second")
    assert hook.verify("public.second").equal
    hook.trim()
    buffer = orders.sql(
        "select b.oid::regclass from pg_class b, (select 'public.orders'::regclass::oid as source_relid) d"
        f" where {ENGINE.is_buffer}"
    )
    assert orders.sql(f"select count(*) from {buffer}") == 0


def test_status_tells_engine_and_scheduler(orders: Any, hook: PgStreamHook) -> None:
    status = hook.status()
    assert status.extension == ENGINE.extension
    assert status.scheduler_serves
    assert hook.test_connection() == (True, status.sentence)
    assert ("EMULATOR" in status.sentence) == status.is_emulator


def test_status_says_that_nobody_serves_another_database(unserved_orders: Any, unserved_conn_id: str) -> None:
    ok, sentence = PgStreamHook(postgres_conn_id=unserved_conn_id).test_connection()
    assert ok
    assert f"no scheduler serves database '{unserved_conn_id}'" in sentence


def test_diagnosis_names_the_table_that_fails_and_changes_nothing(
    unserved_orders: Any, unserved_conn_id: str
) -> None:
    hook = PgStreamHook(postgres_conn_id=unserved_conn_id)
    hook.create(NAME, QUERY, schedule="1h")
    hook.create("public.shares", "select id, 10 / amount as share from public.orders", schedule="1h")
    assert hook.diagnose().healthy
    unserved_orders.sql("insert into public.orders values (4, 4, 0)")
    unserved_orders.sql("update pgstream.pgs_stream_tables set consecutive_errors = 1")
    before = hook.get(NAME).data_timestamp
    found = hook.diagnose()
    assert list(found.failing) == ["public.shares"]
    assert "division by zero" in found.failing["public.shares"]
    assert hook.get(NAME).data_timestamp == before
    assert advisory_locks(unserved_orders) == 0


@pytest.mark.pg_stream_only("its scheduler makes up at once for what is overdue")
def test_diagnosis_names_what_is_overdue_and_the_table_at_fault(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1m")
    hook.create("public.shares", "select id, 10 / amount as share from public.orders", schedule="1m")
    orders.sql("insert into public.orders values (4, 4, 0)")
    orders.sql("update pgstream.pgs_stream_tables set data_timestamp = now() - interval '1 hour'")
    found = hook.diagnose()
    assert "public.shares" in found.overdue
    assert list(found.failing) == ["public.shares"]
    assert any("public.shares" in finding and "division by zero" in finding for finding in found.findings)


def test_diagnosis_misses_the_scheduler_where_one_should_be(orders: Any, hook: PgStreamHook) -> None:
    found = hook.diagnose()
    missed = any("no scheduler is running in database" in finding for finding in found.findings)
    assert missed == (found.status.scheduler_since is None)
