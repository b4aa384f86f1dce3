"""What pg_trickle does that would lose rows, stop the server, or run for ever: what the user sees instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.exceptions import (
    CaptureBroken,
    InsufficientPrivilege,
    InvalidStreamTable,
    StreamTableFailed,
    UnsupportedQuery,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import ENGINE, TEST_DSN
from tests.fixtures.orders import NAME, QUERY

pytestmark = pytest.mark.pg_trickle_only("its traps")

FILTER = "select customer_id, amount from public.orders where amount > 5"
WITH_KEY = "select id, customer_id, amount from public.orders where amount > 5"


def await_true(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Wait for the engine's scheduler to do something."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


def cdc_mode(orders: Any) -> str:
    return str(orders.sql("select max(cdc_mode) from pgtrickle.pgt_dependencies"))


# ---- capture from the WAL


def test_capture_stays_with_triggers_unless_it_is_asked_otherwise(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    assert orders.sql("select requested_cdc_mode from pgtrickle.pgt_stream_tables") == "trigger"


@pytest.mark.skipif(not TEST_DSN, reason="the emulator captures nothing from the WAL")
def test_refresh_is_refused_once_capture_has_moved_to_the_wal(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("alter table public.orders replica identity full")
    hook.create(NAME, QUERY, schedule=None, cdc_mode="auto")
    await_true(lambda: cdc_mode(orders) != "TRIGGER", "capture moves to the WAL")
    with pytest.raises(CaptureBroken, match=r"captured from the WAL.*cdc_mode => 'trigger'.*full=True"):
        hook.refresh(NAME)
    assert any("captured from the WAL" in finding for finding in hook.diagnose().findings)
    hook.alter(NAME, cdc_mode="trigger")
    await_true(lambda: cdc_mode(orders) == "TRIGGER", "capture moves back")
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh(NAME, full=True)
    orders.sql("insert into public.orders values (4, 3, 30)")
    hook.refresh(NAME)
    assert hook.verify(NAME).equal


# ---- queries


def test_filter_without_the_primary_key_is_warned_of(orders: Any, hook: PgStreamHook) -> None:
    result = hook.create(NAME, FILTER, schedule=None)
    assert "does not return id, the primary key of public.orders" in str(result.reason)
    assert "primary key" not in str(hook.create("public.with_key", WITH_KEY, schedule=None).reason)
    assert "primary key" not in str(hook.create("public.grouped", QUERY, schedule=None).reason)
    in_full = hook.create("public.in_full", FILTER, schedule=None, refresh_mode="FULL")
    assert "primary key" not in str(in_full.reason)


def test_changed_query_with_the_same_columns_is_given_to_the_table_that_is_there(
    orders: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule=None)
    orders.sql(f"create view public.reader as select * from {NAME}")
    before = hook.get(NAME)
    changed = f"select customer_id, sum(amount) * 2 as total from ({WITH_KEY}) o group by customer_id"
    result = hook.create(NAME, changed, schedule=None, if_exists="replace")
    after = hook.get(NAME)
    assert (result.outcome, result.action) == ("altered", "FULL")
    assert (after.pgs_id, after.storage_oid) == (before.pgs_id, before.storage_oid)
    assert after.unattended_because == before.unattended_because
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert hook.refresh(NAME).action == "DIFFERENTIAL"
    assert orders.sql("select total from public.reader where customer_id = 3") == 60
    assert hook.verify(NAME).equal


@pytest.mark.parametrize(
    "query",
    [
        "select sum(amount) as total, customer_id from public.orders group by customer_id",
        "select customer_id, sum(amount) as total, max(amount) as most from public.orders group by "
        "customer_id",
        "select customer_id, sum(amount)::numeric as total from public.orders group by customer_id",
    ],
    ids=["other order", "another column", "another type"],
)
def test_changed_query_with_other_columns_makes_another_table(
    orders: Any, hook: PgStreamHook, query: str
) -> None:
    hook.create(NAME, QUERY, schedule=None)
    before = hook.get(NAME)
    assert hook.create(NAME, query, schedule=None, if_exists="replace").outcome == "replaced"
    assert hook.get(NAME).storage_oid != before.storage_oid
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh(NAME)
    assert hook.verify(NAME).equal


def test_generated_column_that_it_would_not_see_is_refused(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("alter table public.orders add column twice int generated always as (amount * 2) stored")
    query = "select id, twice from public.orders"
    with pytest.raises(UnsupportedQuery, match=r"public\.orders\.twice, a generated column"):
        hook.create(NAME, query, schedule=None)
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.create(NAME, query, schedule=None, refresh_mode="FULL")
    hook.create("public.beside_it", WITH_KEY, schedule=None)
    orders.sql("insert into public.orders values (4, 3, 30)")
    hook.refresh("public.beside_it")
    assert hook.verify("public.beside_it").equal


# ---- rights


def test_role_without_rights_to_the_catalog_is_refused_before_the_server_dies(
    orders: Any, hook: PgStreamHook, pgstream_conn_id: str
) -> None:
    up_since = (
        "select pg_postmaster_start_time()::text || (select max(backend_start)::text from pg_stat_activity"
    )
    up_since += " where backend_type = 'checkpointer')"
    before = orders.sql(up_since)
    orders.sql("create role plain login")
    orders.sql("grant usage on schema pgtrickle to plain")
    orders.sql("grant create on schema public to plain")
    orders.sql("alter table public.orders owner to plain")
    as_plain = PgStreamHook(postgres_conn_id=pgstream_conn_id, options="-c role=plain")
    with pytest.raises(InsufficientPrivilege, match="grant select"):
        as_plain.create(NAME, QUERY, schedule=None)
    orders.sql("grant select on all tables in schema pgtrickle to plain")
    with pytest.raises(InsufficientPrivilege, match=r"would end the server: grant .*insert, update, delete"):
        as_plain.create(NAME, QUERY, schedule=None)
    orders.sql("grant insert, update, delete on all tables in schema pgtrickle to plain")
    orders.sql("grant usage on all sequences in schema pgtrickle to plain")
    orders.sql("grant usage, create on schema pgtrickle_changes to plain")
    assert as_plain.create(NAME, QUERY, schedule=None).outcome == "created"
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert as_plain.refresh(NAME).action == "DIFFERENTIAL"
    assert as_plain.verify(NAME).equal
    assert as_plain.drop(NAME).outcome == "dropped"
    assert orders.sql(up_since) == before


# ---- schedules


@pytest.mark.parametrize(("cron", "instead"), [("@hourly", "1h"), ("*/5 * * * *", "5m"), ("0 3 * * *", "1d")])
def test_cron_schedule_is_refused_with_a_duration(
    orders: Any, hook: PgStreamHook, cron: str, instead: str
) -> None:
    with pytest.raises(InvalidStreamTable, match=rf"cron expression.*without pause.*schedule='{instead}'"):
        hook.create(NAME, QUERY, schedule=cron)
    hook.create(NAME, QUERY, schedule="1h")
    with pytest.raises(InvalidStreamTable, match=rf"schedule='{instead}'"):
        hook.alter(NAME, schedule=cron)


def test_schedule_is_taken_away_and_given_back_by_an_alter(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    before = hook.get(NAME).pgs_id
    assert hook.create(NAME, QUERY, schedule=None, if_exists="replace").outcome == "altered"
    table = hook.get(NAME)
    assert (table.schedule, table.unattended_because) == (None, "it has no schedule (tier frozen)")
    assert hook.create(NAME, QUERY, schedule="2h", if_exists="replace").outcome == "altered"
    table = hook.get(NAME)
    assert (table.schedule, table.unattended_because, table.pgs_id) == ("2h", None, before)
    assert hook.create(NAME, QUERY, schedule="2h", if_exists="replace").outcome == "unchanged"


def test_table_without_a_schedule_is_left_to_us(orders: Any, scheduler: None, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    hook.create("public.driven", QUERY, schedule="calculated")
    assert hook.get("public.driven").schedule == "calculated"
    assert hook.get("public.driven").unattended_because is None
    orders.sql("insert into public.orders values (3, 3, 30)")
    await_true(lambda: orders.sql("select count(*) = 3 from public.driven"), "the driven table is refreshed")
    assert orders.sql(f"select count(*) from {NAME}") == 2
    assert hook.refresh(NAME).action == "DIFFERENTIAL"
    assert hook.verify(NAME).equal


def test_refresh_of_a_table_that_is_scheduled_keeps_writers_out_and_says_so(
    orders: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql("insert into public.orders values (3, 3, 30)")
    result = hook.refresh(NAME)
    assert "its scheduler refreshes it, too: writers of its sources waited until the end" in str(
        result.reason
    )
    assert hook.verify(NAME).equal
    with pytest.raises(InvalidStreamTable, match=r"consistent=True.*the scheduler keeps it"):
        hook.refresh(NAME, consistent=True)


# ---- modes and settings


def test_immediate_mode_needs_no_refresh(orders: Any, hook: PgStreamHook) -> None:
    with pytest.raises(InvalidStreamTable, match=r"has no schedule: give schedule=None"):
        hook.create(NAME, QUERY, refresh_mode="IMMEDIATE")
    assert hook.create(NAME, QUERY, refresh_mode="IMMEDIATE", schedule=None).outcome == "created"
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert orders.sql(f"select total from {NAME} where customer_id = 3") == 30
    assert hook.get(NAME).unattended_because is None
    assert hook.refresh(NAME).action == "FULL"
    assert hook.verify(NAME).equal


def test_auto_mode_is_what_the_query_allows(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, refresh_mode="AUTO", schedule=None)
    assert hook.get(NAME).refresh_mode == "DIFFERENTIAL"
    same = hook.create(NAME, QUERY, refresh_mode="AUTO", schedule=None, if_exists="replace")
    assert same.outcome == "unchanged"
    with pytest.raises(InvalidStreamTable, match="AUTO is a choice at creation"):
        hook.alter(NAME, refresh_mode="AUTO")


def test_settings_are_sent_where_the_engine_takes_them(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", tier="cold", append_only=True, diamond_consistency="atomic")
    row = "select refresh_tier, is_append_only, diamond_consistency from pgtrickle.pgt_stream_tables"
    assert orders.connection.execute(row).fetchone() == ("cold", True, "atomic")
    assert hook.alter(NAME, fuse="on", fuse_ceiling=1000).outcome == "altered"
    assert hook.alter(NAME, fuse="on", fuse_ceiling=1000).outcome == "unchanged"
    with pytest.raises(InvalidStreamTable, match="partition_by"):
        hook.create("public.other", QUERY, schedule=None, partition_by="nothing")


@pytest.mark.parametrize("name", ["public.we-ird", "public.o'clock"])
def test_name_that_only_pg_stream_can_hold_is_refused(orders: Any, hook: PgStreamHook, name: str) -> None:
    with pytest.raises(InvalidStreamTable, match="cannot be the name of a stream table on pg_trickle"):
        hook.create(name, QUERY, schedule=None)


# ---- what it leaves behind


def test_nothing_of_a_dropped_table_is_left(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    hook.drop(NAME)
    assert orders.sql("select count(*) from pg_tables where schemaname = 'pgtrickle_changes'") == 0
    assert orders.sql("select count(*) from pg_proc where proname ~ '^_pgt_guard_'") == 0


def test_source_that_was_recreated_with_other_columns_can_be_written_to(
    orders: Any, scheduler: None, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule=None)
    orders.sql("drop table public.orders cascade")
    orders.sql("create table public.orders (id int primary key, person int, price int)")
    query = "select id, person from public.orders"
    hook.create("public.other", query, schedule=None)
    orders.sql("insert into public.orders values (1, 1, 1)")
    hook.refresh("public.other")
    assert hook.verify("public.other").equal
    hook.drop(NAME)
    hook.drop("public.other")
    await_true(
        lambda: orders.sql(
            "select count(*) from pg_stat_activity"
            " where 'pg_trickle scheduler' in (backend_type, application_name)"
        ),
        "the scheduler works",
    )


# ---- health


def test_settings_that_lose_rows_are_said_by_the_test_button_and_the_diagnosis(
    orders: Any, hook: PgStreamHook
) -> None:
    wanted = [f"alter system set pg_trickle.{name}" for name in ("cleanup_use_truncate", "compact_threshold")]
    told = hook.test_connection()[1]
    found = " ".join(hook.diagnose().findings)
    assert [sentence for sentence in wanted if sentence not in told or sentence not in found] == []
    orders.sql("alter system set pg_trickle.cleanup_use_truncate = off")
    orders.sql("alter system set pg_trickle.compact_threshold = 0")
    orders.sql("select pg_reload_conf()")
    await_true(lambda: not hook.status().unsafe_settings, "the settings are read")
    assert "superuser" not in hook.test_connection()[1]


def test_unlogged_buffer_is_refused(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    buffer = orders.sql(
        "select 'pgtrickle_changes.' || tablename from pg_tables where tablename ~ '^changes_'"
    )
    orders.sql(f"alter table {buffer} set unlogged")
    with pytest.raises(CaptureBroken, match=r"is an unlogged table.*unlogged_buffers = off"):
        hook.refresh(NAME)
    assert any("unlogged table" in finding for finding in hook.diagnose().findings)


def test_partition_that_is_written_directly_is_found(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create table public.parted (id int primary key, amount int) partition by range (id)")
    orders.sql("create table public.part1 partition of public.parted for values from (0) to (100)")
    hook.create("public.t", "select id, amount from public.parted", schedule=None)
    finding = "written to part1 directly, partitions of public.parted, are not captured"
    assert any(finding in sentence for sentence in hook.diagnose().findings)


def test_scheduled_table_in_full_mode_is_found_unless_nothing_is_truncated(
    orders: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    hook.create("public.from_outside", QUERY, schedule=None, refresh_mode="FULL")
    finding = f"stream table {NAME} is in FULL mode and its scheduler refreshes it"

    def found() -> list[str]:
        return [sentence for sentence in hook.diagnose().findings if "is in FULL mode" in sentence]

    assert [sentence.startswith(finding) for sentence in found()] == [True]
    orders.sql("alter system set pg_trickle.cleanup_use_truncate = off")
    orders.sql("select pg_reload_conf()")
    await_true(lambda: not found(), "the setting is read")


def test_error_of_the_scheduler_is_shown_short_and_left_by_a_refresh(
    orders: Any, scheduler: None, hook: PgStreamHook
) -> None:
    hook.create(NAME, "select id, 100 / amount as share from public.orders", schedule="1s")
    orders.sql("insert into public.orders values (3, 3, 0)")
    await_true(lambda: hook.get(NAME).status == "ERROR", "the scheduler fails")
    table = hook.get(NAME)
    assert table.last_error == "division by zero"
    diagnosis = hook.diagnose()
    assert "division by zero" in diagnosis.failing[NAME]
    assert not any(words in sentence for sentence in diagnosis.findings for words in ("/src/", ".rs"))
    with pytest.raises(StreamTableFailed, match="division by zero") as error:
        hook.refresh(NAME)
    assert ".rs" not in str(error.value)
    orders.sql("delete from public.orders where id = 3")
    hook.refresh(NAME, full=True)
    assert (hook.get(NAME).status, hook.verify(NAME).equal) == ("ACTIVE", True)


def test_renamed_column_of_a_source_is_named(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    orders.sql("alter table public.orders rename column amount to price")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        orders.sql("insert into public.orders values (3, 3, 30)")
    with pytest.raises(
        StreamTableFailed, match=r"a column of a source was renamed, every write to that source"
    ):
        hook.refresh(NAME, full=True)


def test_refresh_that_the_engine_skipped_is_made_again(orders: Any, hook: PgStreamHook) -> None:
    """It finds the row of the catalog locked, skips, and reports success."""
    hook.create(NAME, QUERY, schedule=None)
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert ENGINE.skips
    result = hook.refresh(NAME)
    moment = orders.sql("select last_refresh_at from pgtrickle.pgt_stream_tables")
    assert result.data_timestamp == moment
