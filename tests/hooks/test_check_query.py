"""A query is tried on its engine: the verdict is true, and nothing is left behind."""

from __future__ import annotations

import os
import re
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream._query_check import scratch as scratch_module
from airflow_provider_pgstream.exceptions import PgStreamError, StreamTableFailed
from airflow_provider_pgstream.hooks._session import Session
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.models import QueryVerdict
from tests.fixtures.engine import ENGINE, connect, dressed
from tests.fixtures.orders import QUERY

REAL = "PGSTREAM_TEST_DSN" in os.environ
SOUND = "select id, amount from public.orders where amount > 1"
KEYLESS = "select amount from public.orders where amount > 1"
LEFT_BEHIND = (
    "select (select count(*) from pg_namespace where nspname like 'pgstream_check_%')"
    f" + (select count(*) from {ENGINE.catalog}) + (select count(*) from {ENGINE.dependencies})"
    f" + (select count(*) from pg_class where relnamespace = '{ENGINE.changes_schema}'::regnamespace"
    "      and relkind = 'r' and relname like 'changes_%')"
    " + (select count(*) from pg_trigger where tgrelid = 'public.orders'::regclass)"
    " + (select count(*) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid())"
)


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that goes wrong: what is refreshed a second time stays as it was."""
    monkeypatch.setattr(scratch_module, "refresh", lambda *_: (step for step in ()))


def check(hook: PgStreamHook, query: str, **options: Any) -> QueryVerdict:
    return hook.check_query(query, **{"changes": 8, **options})


def test_sound_query_is_right_and_nothing_is_left(orders: Any, hook: PgStreamHook) -> None:
    before = orders.sql("select count(*) from public.orders")
    found = check(hook, SOUND)
    assert (found.verdict, found.changes, found.counterexample) == ("right", 8, None)
    assert (found.engine, found.refresh_mode) == (ENGINE.extension, "DIFFERENTIAL")
    assert "8 random changes, seed 1" in found.sentence
    assert orders.sql(LEFT_BEHIND) == 0
    assert orders.sql("select count(*) from public.orders") == before


def test_wrong_rows_are_found_and_shown_by_the_fewest(
    orders: Any, hook: PgStreamHook, standing: None
) -> None:
    found = check(hook, SOUND)
    assert found.verdict == "wrong"
    assert "create it with refresh_mode='FULL'" in found.sentence
    text = found.counterexample or ""
    assert "pgstream_check_" not in found.sentence + text
    changes = re.findall(r"^(?:insert|update|delete)\b.*counterexample\.orders .*", text, re.MULTILINE)
    assert 1 <= len(changes) <= 2
    assert orders.sql(LEFT_BEHIND) == 0


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_counterexample_can_be_pasted(
    orders: Any, hook: PgStreamHook, standing: None, pgstream_dsn: str, mode: str
) -> None:
    text = check(hook, SOUND, refresh_mode=mode).counterexample or ""
    with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
        for statement in text.split(";\n"):
            if statement.strip():
                connection.execute(statement)  # type: ignore[arg-type]  # the engine is right after all
    assert orders.sql(f"select count(*) from {ENGINE.catalog}") == 0


def test_same_seed_brings_the_same_changes(orders: Any, hook: PgStreamHook, standing: None) -> None:
    once, again = (check(hook, SOUND, seed=7) for _ in range(2))
    assert once.counterexample == again.counterexample
    assert once.counterexample != check(hook, SOUND, seed=8).counterexample


def test_refusal_has_the_engines_words_and_ours(orders: Any, hook: PgStreamHook) -> None:
    found = check(hook, "select id from public.orders where amount > (select random())", refresh_mode="FULL")
    assert found.verdict in ("right", "wrong")  # a function that changes by itself is looked at in FULL mode
    found = check(hook, "select id, current_date as today from public.orders")
    assert found.verdict == "unknown"
    assert "current_date, whose value changes by itself" in found.sentence


@pytest.mark.pg_stream_only("it takes LIMIT as the first of an order")
def test_refused_query_is_refused(orders: Any, hook: PgStreamHook) -> None:
    found = check(hook, "select id from public.orders order by id limit 3")
    assert found.verdict == "refused"
    assert "LIMIT is not supported" in found.sentence


@pytest.mark.pg_stream_only("it keeps stars right")
def test_failing_query_fails(orders: Any, hook: PgStreamHook) -> None:
    found = check(hook, "select * from public.orders")
    assert found.verdict == "fails"
    assert "node_T_A_Star" in found.sentence
    assert "create table counterexample.orders" in (found.counterexample or "")
    assert orders.sql(LEFT_BEHIND) == 0


@pytest.mark.skipif(not REAL, reason="the emulator is never wrong")
def test_silently_wrong_query_is_found_on_the_real_engine(
    orders: Any, hook: PgStreamHook, pgstream_dsn: str
) -> None:
    found = hook.check_query(KEYLESS)
    assert found.verdict == "wrong", found.sentence
    assert orders.sql(LEFT_BEHIND) == 0
    before, show, *_ = (found.counterexample or "").rsplit(";\n", 4)
    with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
        for statement in before.split(";\n"):
            connection.execute(statement)  # type: ignore[arg-type]
        assert connection.execute(show).fetchall()  # type: ignore[arg-type]
        connection.execute(dressed("select pgstream.drop_stream_table('counterexample.pgstream_tried')"))
        connection.execute("drop schema counterexample cascade")


def test_views_and_stream_tables_are_looked_through(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create view public.big as select id, customer_id, amount from public.orders where amount > 1")
    assert check(hook, "select id, amount from public.big", refresh_mode="FULL").verdict == "right"
    hook.create("public.sums", QUERY, schedule=None, refresh_mode="FULL")
    found = check(hook, "select customer_id, total from public.sums where total > 1", refresh_mode="FULL")
    assert found.verdict == "right", found.sentence
    assert [table.name for table in hook.list()] == ["public.sums"]


def test_every_shape_of_a_table_is_copied(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create type public.mood as enum ('glad', 'sad')")
    orders.sql("create domain public.small as int check (value between 0 and 20)")
    orders.sql("create schema other")
    orders.sql(
        'create table other.odd ("Id" serial primary key, kind public.mood not null, n public.small,'
        " tags text[], doc jsonb, span daterange, price numeric(6, 2) check (price >= 0),"
        " code char(3) unique, at timestamptz default now(),"
        " customer int references public.orders (id) on delete cascade)"
    )
    found = check(
        hook,
        'select o."Id", o.kind, o.tags, o.doc, o.span, p.amount from other.odd o join public.orders p'
        " on p.id = o.customer",
        refresh_mode="FULL",
    )
    assert found.verdict == "right", found.sentence
    assert orders.sql('select last_value from other."odd_Id_seq"') == 1


def test_partitions_are_plain_tables(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create table public.parted (id int primary key, v int) partition by range (id)")
    orders.sql("create table public.low partition of public.parted default")
    assert check(hook, "select id, v from public.parted", refresh_mode="FULL").verdict == "right"


@pytest.mark.parametrize(
    "query", ["select nothing from public.orders", "select 1 from public.gone", "nonsense"]
)
def test_what_is_no_query_is_an_error(orders: Any, hook: PgStreamHook, query: str) -> None:
    with pytest.raises(PgStreamError):
        check(hook, query)
    assert orders.sql(LEFT_BEHIND) == 0


def test_query_that_no_row_suits_is_unknown(orders: Any, hook: PgStreamHook) -> None:
    found = check(hook, "select id, 1 / (amount - amount) as x from public.orders")
    assert found.verdict == "unknown"
    assert "division by zero" in found.sentence


def test_unreadable_things_are_unknown(orders: Any, hook: PgStreamHook) -> None:
    orders.sql("create materialized view public.kept as select id from public.orders")
    found = check(hook, "select id from public.kept")
    assert found.verdict == "unknown"
    assert "public.kept, a materialized view" in found.sentence


@pytest.mark.parametrize("steps", [2, 9, 12, 15, 20, 24, 30])
def test_killed_at_any_moment_it_leaves_nothing_to_the_next(
    orders: Any, hook: PgStreamHook, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    answer, left = Session._answer, [steps]

    def killed(self: Session, step: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return answer(self, step)

    monkeypatch.setattr(Session, "_answer", killed)
    with pytest.raises(KeyboardInterrupt):
        check(hook, SOUND)
    assert check(hook, SOUND, changes=1).verdict == "right"
    assert orders.sql(LEFT_BEHIND) == 0


def test_check_that_runs_is_left_alone(orders: Any, hook: PgStreamHook, pgstream_dsn: str) -> None:
    with connect(pgstream_dsn, autocommit=True) as other:
        other.execute("create schema pgstream_check_00000000")
        other.execute("select pg_advisory_lock(1885827956, hashtext('pgstream_check_00000000'))")
        check(hook, SOUND, changes=1)
        there = "select count(*) from pg_namespace where nspname = 'pgstream_check_00000000'"
        assert orders.sql(there) == 1
    check(hook, SOUND, changes=1)
    assert orders.sql(there) == 0


def test_role_that_may_not_create_is_told_the_grant(orders: Any, hook: PgStreamHook, connect_as: Any) -> None:
    orders.sql("create role tester login password 'given'")
    orders.sql(f"grant usage on schema {ENGINE.schema} to tester")
    orders.sql(f"grant select on all tables in schema {ENGINE.schema} to tester")
    orders.sql("grant select on public.orders to tester")
    try:
        found = check(connect_as(login="tester"), SOUND)
        assert found.verdict == "unknown"
        assert re.search(r'grant create on database "\w+" to "tester"', found.sentence)
    finally:
        orders.sql("drop owned by tester")
        orders.sql("drop role tester")


def test_writer_that_fails_is_the_querys_fault(
    orders: Any, hook: PgStreamHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Any, changes: Any) -> Any:
        raise StreamTableFailed("its trigger fails")
        yield

    made = scratch_module.Scratch.create_stream_tables

    def then_failing(self: Any) -> Any:
        yield from made(self)
        monkeypatch.setattr(scratch_module.Scratch, "transact", failing)

    monkeypatch.setattr(scratch_module.Scratch, "create_stream_tables", then_failing)
    found = check(hook, SOUND, shrink_seconds=0)
    assert found.verdict == "fails"
    assert "its trigger fails" in found.sentence
