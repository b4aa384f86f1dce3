"""The hook's refresh: its locks, what it writes, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    RefreshInProgress,
    SourceLocked,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import connect
from tests.fixtures.orders import NAME, QUERY


def rows(orders: Any, query: str) -> list[Any]:
    return list(orders.connection.execute(query).fetchall())


def advisory_locks(orders: Any) -> int:
    return int(orders.sql("select count(*) from pg_locks where locktype = 'advisory'"))


def test_refresh_writes_what_changed_and_reports_it(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    result = hook.refresh(NAME)
    assert (result.outcome, result.action) == ("refreshed", "DIFFERENTIAL")
    assert result.rows_inserted == 1
    assert result.data_timestamp is not None
    assert datetime.now(UTC) - result.data_timestamp < timedelta(minutes=1)
    assert hook.verify(NAME).equal


def test_refresh_waits_for_a_writer_and_loses_nothing(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        with pytest.raises(SourceLocked) as error:
            hook.refresh(NAME, lock_timeout=0.2)
        assert "public.orders" in str(error.value)
        assert f"pid {writer.info.backend_pid} " in str(error.value)
        assert "insert into public.orders values (3, 3, 30)" in str(error.value)
        writer.commit()
    hook.refresh(NAME)
    assert rows(orders, f"select total from {NAME} where customer_id = 3") == [(30,)]
    assert advisory_locks(orders) == 0


def test_refresh_without_locks_does_not_wait(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        assert hook.refresh(NAME, lock_sources=False, lock_timeout=0.2).outcome == "refreshed"


def test_table_in_full_mode_is_refreshed_without_locks(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        assert hook.refresh(NAME, lock_timeout=0.2).action == "FULL"


def test_refresh_gives_up_on_a_reader_who_holds_the_table_itself(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    with connect(orders.connection.info.dsn) as reader:
        reader.execute(f"select * from {NAME}")
        reader.execute(f"lock table {NAME} in row exclusive mode")
        with pytest.raises(SourceLocked) as error:
            hook.refresh(NAME, lock_timeout=0.2)
        assert f"lock on {NAME}" in str(error.value)
        assert f"pid {reader.info.backend_pid} " in str(error.value)


def test_new_writers_do_not_queue_behind_a_refresh_that_waits(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    dsn = orders.connection.info.dsn
    with connect(dsn) as old, connect(dsn, autocommit=True) as new:
        old.execute("insert into public.orders values (3, 3, 30)")
        refresh = in_thread(lambda: hook.refresh(NAME, lock_timeout=60))
        orders_waiting = (
            "select count(*) from pg_locks l where not granted and relation = 'public.orders'::regclass"
        )
        while not rows(orders, orders_waiting)[0][0]:
            assert refresh.is_alive()
        new.execute("set lock_timeout = '10s'")
        for number in range(10, 15):
            new.execute("insert into public.orders values (%s, 4, 1)", [number])
        old.commit()
    assert refresh.result().outcome == "refreshed"
    assert hook.verify(NAME).equal


def test_full_refresh_repairs_a_differential_table(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    orders.tamper(f"update {NAME} set total = 99 where customer_id = 1")
    assert not hook.verify(NAME).equal
    assert hook.refresh(NAME, full=True).action == "FULL"
    assert hook.get(NAME).refresh_mode == "DIFFERENTIAL"
    assert hook.verify(NAME).equal


@pytest.mark.pg_stream_only("a new column of a source marks nothing")
def test_refresh_after_column_changes_is_full(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    hook.refresh(NAME)
    orders.sql("alter table public.orders add column note text")
    assert hook.get(NAME).needs_reinit
    result = hook.refresh(NAME)
    assert (result.action, result.reason) == ("FULL", "a source changed its columns")
    assert not hook.get(NAME).needs_reinit


def test_busy_table_says_so_and_leaves_no_lock(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    pgs_id = hook.get(NAME).pgs_id
    with connect(orders.connection.info.dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [pgs_id])
        with pytest.raises(RefreshInProgress, match=NAME):
            hook.refresh(NAME)
        assert advisory_locks(orders) == 1
    assert hook.refresh(NAME).outcome == "refreshed"


def test_failed_refresh_leaves_no_lock_and_no_session(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, "select id, 10 / amount as share from public.orders", schedule="1h")
    orders.sql("insert into public.orders values (4, 4, 0)")
    with pytest.raises(Exception, match="division by zero"):
        hook.refresh(NAME)
    assert advisory_locks(orders) == 0
    orders.sql("delete from public.orders where id = 4")
    assert hook.refresh(NAME).outcome == "refreshed"
