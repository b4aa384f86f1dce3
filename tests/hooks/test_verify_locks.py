"""A verification keeps nobody from writing, waits for nobody without a limit, and is not misled by others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import SourceLocked
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import connect

NAME = "public.held"
OURS = "select pid from pg_stat_activity where application_name = 'airflow-provider-pgstream'"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


def wait_until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline
    return found


def test_comparison_holds_the_locks_of_a_reader_and_none_on_the_change_buffer(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    orders.sql(
        "create function public.gate(x int) returns int language plpgsql stable as "
        "$$ begin perform pg_advisory_xact_lock_shared(4242); return x; end $$"
    )
    hook.create(NAME, "select id, public.gate(amount) as amount from public.orders", refresh_mode="FULL")
    hook.refresh(NAME)
    orders.sql("select pg_advisory_lock(4242)")
    running = in_thread(hook.verify, NAME)
    wait_until(lambda: orders.sql(f"{OURS} and wait_event = 'advisory'"))
    modes = orders.sql(
        "select array_agg(distinct l.mode) from pg_locks l join pg_class c on c.oid = l.relation "
        f"where l.pid in ({OURS}) and c.relkind = 'r' and c.relnamespace <> 'pg_catalog'::regnamespace"
    )
    assert modes == ["AccessShareLock"]
    buffers = orders.sql(
        "select count(*) from pg_locks l join pg_class c on c.oid = l.relation "
        f"where l.pid in ({OURS}) and c.relnamespace = 'pgstream_changes'::regnamespace"
    )
    assert buffers == 0
    with connect(orders.connection.info.dsn, autocommit=True) as writer:
        writer.execute("set lock_timeout = '5s'; insert into public.orders values (3, 3, 30)")
    orders.sql("select pg_advisory_unlock(4242)")
    assert running.result().equal


def test_trial_refresh_of_a_full_table_gives_up_before_its_readers_do(
    orders: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, "select id, amount from public.orders", schedule="1h", refresh_mode="FULL")
    hook.refresh(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    with connect(orders.connection.info.dsn) as reader:
        reader.execute(f"select * from {NAME}")
        found = hook.verify(NAME, lock_timeout=0.3)
        pid = reader.info.backend_pid
    assert (found.outcome, found.compared, found.action, found.missing) == ("lagging", "as is", None, 1)
    assert (
        f"the lock on {NAME} did not come in time; it is held by readers or writers of it: pid {pid}"
        in (found.warnings[0])
    )


def test_new_readers_go_on_while_a_trial_refresh_waits_for_an_old_one(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    hook.create(NAME, "select id, amount from public.orders", schedule="1h", refresh_mode="FULL")
    hook.refresh(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    with connect(orders.connection.info.dsn) as old:
        old.execute(f"select * from {NAME}")
        running = in_thread(hook.verify, NAME)
        wait_until(lambda: orders.sql(f"{OURS} and wait_event = 'relation'"))
        orders.sql("set lock_timeout = '10s'")
        assert orders.sql(f"select count(*) from {NAME}") == 2
        assert running.is_alive()
    assert running.result().action == "FULL"


@pytest.mark.parametrize("locked", ["public.orders", NAME])
def test_table_that_is_being_altered_is_waited_for_with_a_limit(
    orders: Any, hook: PgStreamHook, locked: str
) -> None:
    hook.create(NAME, "select id, amount from public.orders", schedule="1h")
    hook.refresh(NAME)
    with connect(orders.connection.info.dsn) as other:
        other.execute(f"lock table {locked} in access exclusive mode")
        with pytest.raises(SourceLocked) as error:
            hook.verify(NAME, lock_timeout=0.3)
        pid = other.info.backend_pid
    assert f"stream table {NAME} was not verified: the lock on {locked} did not come in time" in str(
        error.value
    )
    assert f"pid {pid}" in str(error.value)


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_refreshes_beside_it_do_not_mislead_it(
    orders: Any, hook: PgStreamHook, pgstream_conn_id: str, in_thread: Callable[..., Any], mode: str
) -> None:
    hook.create(NAME, "select id, amount from public.orders", schedule=None, refresh_mode=mode)
    other = PgStreamHook(postgres_conn_id=pgstream_conn_id)
    done: list[int] = []

    def refresh_on() -> int:
        refreshes = 0
        while not done:
            other.refresh(NAME, full=True)
            refreshes += 1
        return refreshes

    refreshing = in_thread(refresh_on)
    try:
        found = [hook.verify(NAME) for _ in range(25)]
    finally:
        done.append(1)
    assert refreshing.result()
    assert [(each.outcome, each.missing) for each in found] == [("verified", 0)] * 25
