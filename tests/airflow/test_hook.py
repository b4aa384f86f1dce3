"""The hook against a database: what it reads, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.exceptions import (
    DependentObjectsExist,
    RefreshInProgress,
    SourceLocked,
    StreamTableExists,
    StreamTableNotFound,
    StreamTableSuspended,
    UnsupportedQuery,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

NAME = "public.order_totals"
QUERY = "select customer_id, sum(amount) as total from public.orders group by customer_id"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


def rows(orders: Any, query: str) -> list[Any]:
    return list(orders.connection.execute(query).fetchall())


def advisory_locks(orders: Any) -> int:
    return int(orders.sql("select count(*) from pg_locks where locktype = 'advisory'"))


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
    assert hook.create(NAME, QUERY, schedule=None, if_exists="replace").outcome == "replaced"
    assert hook.get(NAME).schedule is None
    fewer = f"{QUERY} having sum(amount) > 10"
    assert hook.create(NAME, fewer, schedule=None, if_exists="replace").outcome == "replaced"
    assert rows(orders, f"select customer_id from {NAME}") == [(2,)]


def test_table_that_something_reads_is_not_replaced(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql(f"create view public.big as select customer_id from {NAME}")
    with pytest.raises(DependentObjectsExist, match=r"view public\.big"):
        hook.create(NAME, f"{QUERY} having true", schedule="1h", if_exists="replace")
    assert hook.get(NAME).query == QUERY


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
    with psycopg.connect(orders.connection.info.dsn) as writer:
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
    with psycopg.connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        assert hook.refresh(NAME, lock_sources=False, lock_timeout=0.2).outcome == "refreshed"


def test_table_in_full_mode_is_refreshed_without_locks(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    with psycopg.connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        assert hook.refresh(NAME, lock_timeout=0.2).action == "FULL"


def test_refresh_gives_up_on_a_reader_who_holds_the_table_itself(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    with psycopg.connect(orders.connection.info.dsn) as reader:
        reader.execute(f"select * from {NAME}")
        reader.execute(f"lock table {NAME} in row exclusive mode")
        with pytest.raises(SourceLocked) as error:
            hook.refresh(NAME, lock_timeout=0.2)
        assert f"lock on {NAME}" in str(error.value)
        assert f"pid {reader.info.backend_pid} " in str(error.value)


def test_creation_waits_for_another_creation_of_whatever_table(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    with psycopg.connect(orders.connection.info.dsn) as other:
        other.execute("select pg_advisory_xact_lock(1885827956, 1)")
        creation = in_thread(lambda: hook.create(NAME, QUERY, schedule="1h"))
        while not rows(orders, "select count(*) from pg_locks where locktype = 'advisory' and not granted")[
            0
        ][0]:
            assert creation.is_alive()
        other.commit()
    assert creation.result().outcome == "created"


def test_new_writers_do_not_queue_behind_a_refresh_that_waits(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    dsn = orders.connection.info.dsn
    with psycopg.connect(dsn) as old, psycopg.connect(dsn, autocommit=True) as new:
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
    orders.sql(f"update {NAME} set total = 99 where customer_id = 1")
    assert not hook.verify(NAME).equal
    assert hook.refresh(NAME, full=True).action == "FULL"
    assert hook.get(NAME).refresh_mode == "DIFFERENTIAL"
    assert hook.verify(NAME).equal


def test_refresh_after_column_changes_is_full(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME)
    orders.sql("alter table public.orders add column note text")
    assert hook.get(NAME).needs_reinit
    result = hook.refresh(NAME)
    assert (result.action, result.reason) == ("FULL", "a source changed its columns")
    assert not hook.get(NAME).needs_reinit


def test_busy_table_says_so_and_leaves_no_lock(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    pgs_id = hook.get(NAME).pgs_id
    with psycopg.connect(orders.connection.info.dsn, autocommit=True) as other:
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


def test_dependency_order_sees_through_tables_that_are_not_asked_for(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.create("public.b", f"select customer_id, total from {NAME}", schedule="1h")
    hook.create("public.a", "select customer_id, total from public.b", schedule="1h")
    assert hook.in_dependency_order(["public.a", NAME]) == [NAME, "public.a"]
    assert hook.in_dependency_order("a", include_upstream=True) == [NAME, "public.b", "public.a"]


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
    assert "dropped or made anew" in table.concerns[0]
    assert "dropped or made anew" in (hook.cdc_health(NAME)[0].problem or "")
    with pytest.raises(Exception, match="dropped or made anew"):
        hook.verify(NAME)
    assert hook.drop(NAME).outcome == "dropped"
    assert hook.list() == ()


def test_replace_mends_a_table_whose_source_was_made_anew(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql("drop table public.orders cascade")
    orders.sql("create table public.orders (id int primary key, customer_id int, amount int)")
    orders.sql("insert into public.orders values (7, 7, 70)")
    assert hook.create(NAME, QUERY, schedule="1h", if_exists="replace").outcome == "replaced"
    assert rows(orders, f"select customer_id, total from {NAME}") == [(7, 70)]
    assert hook.get(NAME).concerns == ()


def test_capture_that_was_switched_off_is_seen(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    assert [source.problem for source in hook.cdc_health()] == [None]
    oid = hook.cdc_health()[0].oid
    orders.sql(f"alter table public.orders disable trigger pg_stream_cdc_{oid}")
    assert "disabled" in (hook.cdc_health("order_totals")[0].problem or "")
    orders.sql(f"drop trigger pg_stream_cdc_{oid} on public.orders")
    assert "missing" in (hook.cdc_health(NAME)[0].problem or "")


def test_trim_deletes_what_every_reader_has_read_and_nothing_else(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.create("public.second", "select id, amount from public.orders", schedule="1h")
    hook.refresh(NAME)
    hook.refresh("public.second")
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh(NAME)
    hook.trim(NAME)
    hook.refresh("public.second")
    assert hook.verify("public.second").equal
    hook.trim()
    buffer = orders.sql(
        "select format('select count(*) from pgstream_changes.changes_%s', 'public.orders'::regclass::oid)"
    )
    assert orders.sql(buffer) == 0


def test_explain_history_and_staleness_answer_for_a_table(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", initialize=False)
    assert hook.staleness(NAME) is None
    hook.refresh(NAME)
    assert 0 <= (hook.staleness(NAME) or -1) < 60
    assert hook.explain(NAME)
    assert hook.history(NAME) == ()
    for call in (hook.explain, hook.history, hook.staleness):
        with pytest.raises(StreamTableNotFound, match=r"public\.nothing"):
            call("nothing")


def test_status_tells_engine_and_scheduler(orders: Any, hook: PgStreamHook) -> None:
    status = hook.status()
    assert status.extension == "pg_stream"
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


def test_two_sessions_can_create_on_one_source_at_once(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any], pgstream_conn_id: str
) -> None:
    def create(number: int) -> Any:
        other = PgStreamHook(postgres_conn_id=pgstream_conn_id)
        return other.create(f"public.t{number}", "select id, amount from public.orders", schedule="1h")

    threads = [in_thread(create, number) for number in range(6)]
    assert [thread.result().outcome for thread in threads] == ["created"] * 6
    assert len(hook.list()) == 6


def test_refused_query_creates_nothing(orders: Any, hook: PgStreamHook) -> None:
    with pytest.raises(UnsupportedQuery, match=r"public\.limited.*LIMIT"):
        hook.create("limited", "select id from public.orders limit 3", schedule="1h")
    assert hook.list() == ()
    assert orders.sql("select to_regclass('public.limited')") is None


def test_plain_sql_still_works_through_the_hook(orders: Any, hook: PgStreamHook) -> None:
    assert hook.get_first("select count(*) from public.orders") == (2,)


def test_schema_of_common_sql_means_the_database(pgstream_conn_id: str) -> None:
    hook = PgStreamHook(postgres_conn_id=pgstream_conn_id)
    hook.schema = "elsewhere"
    assert hook.database == "elsewhere"
    assert hook.target.place.database == "elsewhere"


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
