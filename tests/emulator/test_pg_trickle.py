"""What pg_trickle does otherwise than pg_stream, and what the emulator does likewise in its dress."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.emulator import PgStreamServer

QUERY = "select id, amount from public.orders"
HOUR = 3600


class Trickle:
    """A session in the database, with a table of orders."""

    def __init__(self, server: PgStreamServer) -> None:
        self.server = server
        self.session = psycopg.connect(server.dsn(), autocommit=True)
        self.said: list[str] = []
        self.session.add_notice_handler(lambda notice: self.said.append(notice.message_primary or ""))
        self.run("create table orders (id int primary key, amount int)")
        self.run("insert into orders values (1, 10), (2, 20)")

    def run(self, statement: str, *values: Any) -> None:
        self.session.execute(statement, values or None)

    def one(self, query: str, *values: Any) -> Any:
        row = self.session.execute(query, values or None).fetchone()
        assert row is not None
        return row[0] if len(row) == 1 else row

    def create(self, name: str = "public.st", query: str = QUERY, **named: Any) -> None:
        arguments = {"schedule": "1h", "cdc_mode": "trigger"} | named
        call = ", ".join(f"{key} => %s" for key in arguments)
        self.run(f"select pgtrickle.create_stream_table(%s, %s, {call})", name, query, *arguments.values())

    def alter(self, name: str = "public.st", **named: Any) -> None:
        call = ", ".join(f"{key} => %s" for key in named)
        self.run(f"select pgtrickle.alter_stream_table(%s, {call})", name, *named.values())

    def refresh(self, name: str = "public.st") -> str:
        """Refresh by hand; return what is said last."""
        self.run("select pgtrickle.refresh_stream_table(%s)", name)
        return self.said[-1]

    def column(self, column: str, name: str = "st") -> Any:
        return self.one(f"select {column} from pgtrickle.pgt_stream_tables where pgt_name = %s", name)

    def rows(self, name: str = "st") -> list[tuple[Any, ...]]:
        return self.session.execute(f"select id, amount from {name} order by 1").fetchall()

    @contextmanager
    def refuses(self, code: str, text: str) -> Iterator[None]:
        with pytest.raises(psycopg.Error, match=text) as refused:
            yield
        assert refused.value.sqlstate == code


@pytest.fixture
def trickle(trickle_server: PgStreamServer) -> Iterator[Trickle]:
    trickle_server.reset()
    trickle = Trickle(trickle_server)
    yield trickle
    trickle.session.close()


def test_busy_refresh_is_skipped_with_a_notice_and_moves_nothing(trickle: Trickle) -> None:
    trickle.create()
    before = trickle.column("last_refresh_at")
    with psycopg.connect(trickle.server.dsn()) as other:
        other.execute("select from pgtrickle.pgt_stream_tables for update")
        assert trickle.refresh() == "refresh skipped: public.st — another refresh is already in progress"
    with psycopg.connect(trickle.server.dsn()) as other:
        other.execute("select pg_advisory_xact_lock(pgt_id) from pgtrickle.pgt_stream_tables")
        assert "refresh skipped" in trickle.refresh()
    assert trickle.column("last_refresh_at") == before
    assert trickle.refresh() == "Stream table public.st refreshed (DIFFERENTIAL: +0 -0)"


def test_refresh_that_fails_leaves_neither_lock_nor_history(trickle: Trickle) -> None:
    trickle.create(query="select id, 10 / amount as amount from public.orders")
    trickle.run("insert into orders values (3, 0)")
    with trickle.refuses("22012", "division by zero"):
        trickle.refresh()
    with psycopg.connect(trickle.server.dsn()) as other:
        free = "select pg_try_advisory_lock(pgt_id) from pgtrickle.pgt_stream_tables"
        assert other.execute(free).fetchone() == (True,)
    assert (
        trickle.one("select count(*) from pgtrickle.pgt_refresh_history where initiated_by = 'MANUAL'") == 0
    )


def test_refresh_by_hand_is_in_the_history_and_only_changed_rows_move_the_time_of_the_data(
    trickle: Trickle,
) -> None:
    trickle.create()
    made = trickle.column("data_timestamp")
    trickle.refresh()
    assert trickle.column("data_timestamp") == made
    assert trickle.column("last_refresh_at") > made
    trickle.run("insert into orders values (3, 30)")
    trickle.refresh()
    assert trickle.column("data_timestamp = last_refresh_at and effective_refresh_mode = 'DIFFERENTIAL'")
    history = (
        "select action, initiated_by, rows_inserted from pgtrickle.pgt_refresh_history order by refresh_id"
    )
    assert trickle.session.execute(history).fetchall() == [
        ("FULL", "INITIAL", 0),
        ("DIFFERENTIAL", "MANUAL", 0),
        ("DIFFERENTIAL", "MANUAL", 1),
    ]


def test_storage_is_closed_to_everybody_but_a_refresh(trickle: Trickle) -> None:
    trickle.create()
    for statement in (
        "insert into st values (1, 1, 1)",
        "update st set amount = 0",
        "delete from st",
        "truncate st",
    ):
        with trickle.refuses("P0001", "Direct DML on stream table st is not allowed"):
            trickle.run(statement)
    trickle.run("begin; set local pg_trickle.internal_refresh = 'true'; delete from st; commit")
    assert trickle.rows() == []


def test_capture_goes_by_a_name_made_of_schema_and_table(trickle: Trickle) -> None:
    trickle.create()
    name = trickle.one("select source_stable_name from pgtrickle.pgt_change_tracking")
    assert name == trickle.one("select pgtrickle.source_stable_name('orders'::regclass)")
    triggers = (
        "select array_agg(tgname::text order by tgname) from pg_trigger where tgrelid = 'orders'::regclass"
    )
    assert trickle.one(triggers) == [
        f"pg_trickle_cdc_{kind}_{name}" for kind in ("del", "ins", "truncate", "upd")
    ]
    trickle.run("update orders set amount = 0 where false")
    assert trickle.one(f"select count(*) from pgtrickle_changes.changes_{name}") == 0
    trickle.run("insert into orders values (3, 30), (4, 40)")
    assert trickle.one(f"select action, lsn > '0/0' from pgtrickle_changes.changes_{name}") == ("I", True)


def test_role_without_grants_on_the_engine_writes_to_a_captured_source(trickle: Trickle) -> None:
    trickle.create()
    trickle.run("create role writer; grant insert on orders to writer; set role writer")
    trickle.run("insert into orders values (3, 30); reset role")
    trickle.refresh()
    assert trickle.rows()[-1] == (3, 30)


def test_write_fails_while_a_column_has_another_name(trickle: Trickle) -> None:
    trickle.create()
    trickle.run("alter table orders rename column amount to total")
    with trickle.refuses("42703", "column n.amount does not exist"):
        trickle.run("insert into orders values (3, 30)")
    trickle.run("alter table orders rename column total to amount")
    trickle.run("insert into orders values (3, 30)")


def test_columns_of_a_source_change_only_where_the_setting_lets_them(trickle: Trickle) -> None:
    trickle.create(query="select id from public.orders")
    with trickle.refuses("XX000", "column-affecting DDL is not allowed"):
        trickle.run("alter table orders drop column amount")
    trickle.run(
        "begin; set local pg_trickle.block_source_ddl = off; alter table orders drop column amount; commit"
    )
    trickle.run("insert into orders values (3)")
    trickle.refresh()
    assert "Stream table public.st: needs_reinit is set, performing FULL reinitialization" in trickle.said
    assert trickle.one("select count(*) from st") == 3
    trickle.run("alter table orders add check (id > 0)")


def test_buffer_and_guard_stay_behind_a_drop_and_a_rolled_back_create_leaves_nothing(
    trickle: Trickle,
) -> None:
    left = (
        "select (select count(*) from pg_class where relname ~ '^changes_[0-9a-f]{16}$'),"
        " (select count(*) from pg_proc where proname = '_pgt_guard_st'),"
        " (select count(*) from pg_trigger where tgrelid = 'orders'::regclass)"
    )
    trickle.run("begin")
    trickle.create()
    trickle.run("rollback")
    assert trickle.one(left) == (0, 0, 0)
    trickle.create()
    trickle.run("select pgtrickle.drop_stream_table('public.st')")
    assert trickle.one(left) == (1, 1, 0)
    trickle.create()
    trickle.run("insert into orders values (3, 30)")
    trickle.refresh()
    assert trickle.rows()[-1] == (3, 30)


def test_drop_refuses_while_stream_tables_depend_unless_it_cascades(trickle: Trickle) -> None:
    trickle.create()
    trickle.create("public.above", "select id, amount from public.st")
    with trickle.refuses("22023", r"public\.st has dependent stream tables: public\.above"):
        trickle.run("select pgtrickle.drop_stream_table('public.st')")
    trickle.run("select pgtrickle.drop_stream_table('public.st', cascade => true)")
    assert trickle.one("select count(*) from pgtrickle.pgt_stream_tables") == 0


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        ("refresh_stream_table('public.no')", "42P01", "stream table not found: public.no"),
        ("create_stream_table('public.st', 'select id from public.orders')", "42P07", "already exists"),
        (
            "create_stream_table('public.x', 'select 1', schedule => null)",
            "22023",
            "use 'calculated' instead",
        ),
        ("create_stream_table('public.x', 'select 1', schedule => '5x')", "22023", "invalid duration unit"),
        ("create_stream_table('public.x', 'select 1')", "42000", "must have a FROM clause"),
        (
            "create_stream_table('public.x', 'select id from public.orders limit 1')",
            "0A000",
            "without ORDER BY",
        ),
        ("create_stream_table('public.we-ird', 'select id from public.orders')", "42601", "syntax error"),
        ("create_stream_table('nowhere.x', 'select id from public.orders')", "3F000", "nowhere"),
        ("alter_stream_table('public.st', refresh_mode => 'AUTO')", "23514", "refresh_mode_check"),
        ("alter_stream_table('public.st', tier => 'ice')", "22023", "invalid tier value: 'ice'"),
        ("alter_stream_table('public.st', query => 'select id from public.st')", "42P15", "cycle detected"),
        ("resume_stream_table('public.st')", "22023", "is not suspended or in error state"),
    ],
)
def test_refusal_has_its_code(trickle: Trickle, call: str, code: str, text: str) -> None:
    trickle.create()
    with trickle.refuses(code, text):
        trickle.run(f"select pgtrickle.{call}")


def test_auto_takes_what_the_query_allows_and_the_catalog_never_says_so(trickle: Trickle) -> None:
    trickle.create("public.plain", refresh_mode="AUTO")
    trickle.create("public.moody", "select id, random() as r from public.orders", refresh_mode="auto")
    assert trickle.column("refresh_mode", "plain") == "DIFFERENTIAL"
    assert trickle.column("refresh_mode", "moody") == "FULL"
    assert any("Falling back to FULL refresh" in said for said in trickle.said)


def test_first_rows_by_an_order_are_a_stream_table(trickle: Trickle) -> None:
    query = "select id, amount from public.orders order by amount desc limit 1"
    trickle.create(query=query)
    assert trickle.column("topk_limit, topk_order_by, original_query") == (1, "amount DESC", query)
    trickle.run("insert into orders values (3, 30)")
    assert "refreshed (TopK MERGE: +" in trickle.refresh()
    assert (trickle.rows(), trickle.column("effective_refresh_mode")) == ([(3, 30)], "TOP_K")


def test_immediate_table_follows_within_the_writers_transaction(trickle: Trickle) -> None:
    trickle.create(refresh_mode="IMMEDIATE")
    trickle.run("begin; insert into orders values (3, 30); delete from orders where id = 1")
    assert trickle.rows() == [(2, 20), (3, 30)]
    trickle.run("rollback")
    assert trickle.rows() == [(1, 10), (2, 20)]
    assert trickle.refresh().endswith("(FULL)")
    trickle.alter(refresh_mode="DIFFERENTIAL")
    assert trickle.column("schedule") == "1m"
    trickle.run("insert into orders values (3, 30)")
    assert trickle.rows() == [(1, 10), (2, 20)]
    trickle.refresh()
    assert trickle.rows()[-1] == (3, 30)


def test_altered_query_keeps_the_id_and_ends_an_error(trickle: Trickle) -> None:
    trickle.create()
    trickle.alter(status="ERROR")
    with trickle.refuses("22023", r"is in error state ; use pgtrickle\.resume_stream_table\('public\.st'\)"):
        trickle.refresh()
    before = trickle.column("pgt_id, pgt_relid")
    trickle.alter(query=f"{QUERY} where amount > 10")
    assert (trickle.column("pgt_id, pgt_relid"), trickle.column("status")) == (before, "ACTIVE")
    assert trickle.rows() == [(2, 20)]
    trickle.alter(query="select amount, id from public.orders")
    assert trickle.column("pgt_id") == before[0]
    assert trickle.rows() == [(1, 10), (2, 20)]


def test_repair_and_refresh_in_one_transaction_are_one_full_refresh(trickle: Trickle) -> None:
    trickle.create()
    trickle.run("begin; set local pg_trickle.internal_refresh = 'true'; update st set amount = 0; commit")
    trickle.run("begin; select pgtrickle.repair_stream_table('public.st')")
    assert trickle.column("frontier is null and needs_reinit and not is_populated")
    assert trickle.refresh() == "Stream table public.st refreshed (FULL)"
    trickle.run("commit")
    assert trickle.rows() == [(1, 10), (2, 20)]
    assert trickle.column("refresh_mode, status, needs_reinit") == ("DIFFERENTIAL", "ACTIVE", False)


def test_scheduler_drives_calculated_tables_and_leaves_frozen_ones(trickle: Trickle) -> None:
    trickle.create("public.driven", schedule="calculated")
    trickle.create("public.frozen", schedule="1s")
    trickle.alter("public.frozen", tier="frozen")
    trickle.run("insert into orders values (3, 30)")
    assert trickle.server.run_scheduler(later=HOUR) == {"public.driven": "DIFFERENTIAL"}
    assert trickle.column("schedule is null", "driven")
    assert "refreshed" in trickle.refresh("public.frozen")
    assert trickle.rows("frozen") == trickle.rows("driven")


def test_scheduled_refresh_that_fails_ends_in_error_and_is_named_by_the_health_check(
    trickle: Trickle,
) -> None:
    trickle.create(query="select id, 10 / amount as amount from public.orders")
    trickle.create("public.sound")
    trickle.run("insert into orders values (3, 0)")
    assert trickle.server.run_scheduler(later=2 * HOUR) == {
        "public.st": "FAILED",
        "public.sound": "DIFFERENTIAL",
    }
    assert trickle.column("status, consecutive_errors") == ("ERROR", 0)
    assert 'message: "division by zero"' in trickle.column("last_error_message")
    health = "select severity, detail from pgtrickle.health_check() where check_name = 'error_tables'"
    severity, detail = trickle.one(health)
    assert (severity, "public.st" in detail, "sound" in detail) == ("ERROR", True, False)
    trickle.run("delete from orders where id = 3; select pgtrickle.resume_stream_table('public.st')")
    trickle.refresh()
    assert trickle.column("status, last_error_message") == ("ACTIVE", None)


def test_notifications_are_json_with_the_engines_keys(trickle: Trickle) -> None:
    trickle.create()
    trickle.run("listen pg_trickle_alert")
    trickle.run("insert into orders values (3, 30)")
    trickle.server.run_scheduler(later=2 * HOUR)
    trickle.server.run_scheduler(later=2 * HOUR)
    heard = [json.loads(notify.payload) for notify in trickle.session.notifies(timeout=10, stop_after=3)]
    assert [(event["event"], event.get("action")) for event in heard] == [
        ("refresh_completed", "DIFFERENTIAL"),
        ("refresh_completed", "NO_DATA"),
        ("no_upstream_changes", None),
    ]
    assert {(event["pgt_schema"], event["pgt_name"], event["st"]) for event in heard} == {
        ("public", "st", "public.st")
    }


def test_scheduler_skips_what_reads_a_gated_source_and_hands_do_not(trickle: Trickle) -> None:
    trickle.create()
    trickle.run("select pgtrickle.gate_source('public.orders')")
    trickle.run("insert into orders values (3, 30)")
    assert trickle.server.run_scheduler(later=2 * HOUR) == {"public.st": "SKIP"}
    skipped = (
        "select action, status, error_message from pgtrickle.pgt_refresh_history order by refresh_id desc"
    )
    assert trickle.one(skipped) == ("SKIP", "SKIPPED", "source gated")
    assert "refreshed" in trickle.refresh()
    trickle.run("select pgtrickle.ungate_source('public.orders')")
    assert trickle.one("select source_table, schema_name, gated from pgtrickle.source_gates()") == (
        "orders",
        "public",
        False,
    )
    assert trickle.server.run_scheduler(later=2 * HOUR) == {"public.st": "NO_DATA"}


def test_watermarks_advance_and_a_group_says_whether_they_are_level(trickle: Trickle) -> None:
    trickle.run("create table payments (id int primary key)")
    trickle.run(
        "select pgtrickle.create_watermark_group('both', array['public.orders', 'public.payments'], 60)"
    )
    trickle.run("select pgtrickle.advance_watermark('public.orders', '2026-01-01 00:00:00')")
    status = (
        "select aligned, lag_secs, sources_with_watermark, sources_total from pgtrickle.watermark_status()"
    )
    assert trickle.one(status) == (True, 0, 1, 2)
    trickle.run("select pgtrickle.advance_watermark('public.payments', '2026-01-01 00:02:00')")
    assert trickle.one(status) == (False, 120, 2, 2)
    with trickle.refuses("22000", "watermark moved backward"):
        trickle.run("select pgtrickle.advance_watermark('public.payments', '2025-01-01')")
    trickle.run("select pgtrickle.drop_watermark_group('both')")
    with trickle.refuses("22000", "watermark group not found: both"):
        trickle.run("select pgtrickle.drop_watermark_group('both')")


def test_background_scheduler_serves_every_database_that_has_the_extension(
    trickle: Trickle, eventually: Any
) -> None:
    dsn = trickle.server.create_database("second")
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("create table t (id int primary key)")
        session.execute("select pgtrickle.create_stream_table('public.st', 'select id from public.t', '1s')")
        trickle.server.start_scheduler()
        try:
            session.execute("insert into t values (1)")
            eventually(lambda: session.execute("select count(*) from st").fetchone() == (1,), "the refresh")
        finally:
            trickle.server.stop_scheduler()
