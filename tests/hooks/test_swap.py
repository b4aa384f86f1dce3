"""Another query for a stream table that is read: readers notice nothing but the rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import detect
from airflow_provider_pgstream._stream_tables import swap as swapping
from airflow_provider_pgstream._stream_tables.create import Begun, replace_old
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream.exceptions import DependentObjectsExist, PgStreamError, SourceLocked
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.contract.killing import Dying, Killed
from tests.fixtures.engine import ENGINE, connect, dsn_of
from tests.fixtures.orders import NAME, QUERY

COUNTED = "select customer_id, sum(amount) as total, count(*) as n from public.orders group by customer_id"
READER = "public.second"


@pytest.fixture
def read(orders: Any, hook: PgStreamHook) -> Iterator[Any]:
    """A stream table with all that can stand on it and stay."""
    hook.create(NAME, QUERY, schedule=None)
    orders.sql(f"alter table {NAME} set (fillfactor = 70)")
    hook.create(READER, f"select customer_id, total from {NAME}", schedule=None)
    orders.sql("drop role if exists pgstream_reader; create role pgstream_reader")
    orders.sql(f"create index order_totals_by_total on {NAME} (total desc) where total > 5")
    orders.sql(f"create view public.shown with (security_barrier=true) as select * from {NAME}")
    orders.sql("create view public.big as select total from public.shown where total > 15")
    orders.sql(f"grant select on {NAME}, public.big to pgstream_reader")
    orders.sql(f"grant references (total) on {NAME} to pgstream_reader")
    orders.sql(f"comment on table {NAME} is 'It''s kept'")
    orders.sql(f"comment on column {NAME}.total is 'kept, too'")
    yield orders
    orders.connection.rollback()
    orders.sql("drop owned by pgstream_reader; drop role pgstream_reader")


def swap(hook: PgStreamHook, query: str = COUNTED, **options: Any) -> Any:
    return hook.create(NAME, query, **{"schedule": None, "if_exists": "replace", **options})


def names(orders: Any) -> list[str]:
    found = orders.connection.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace"
    )
    return [row[0] for row in found if "next" in row[0] or row[0].endswith(("__old", "__tap"))]


def is_right(orders: Any, hook: PgStreamHook) -> None:
    for name in (NAME, READER):
        hook.refresh(name, on_busy="wait")  # a reader may be recomputed by the scheduler meanwhile
        assert hook.verify(name).equal, name


def test_all_that_stands_on_it_stays(read: Any, hook: PgStreamHook) -> None:
    before = hook.get(NAME)
    views = read.sql("select array['public.shown'::regclass::oid, 'public.big'::regclass::oid]")
    assert swap(hook).outcome == "replaced"
    after = hook.get(NAME)
    assert (after.query, after.status, after.concerns) == (COUNTED, "ACTIVE", ())
    assert after.storage_oid != before.storage_oid
    assert read.sql("select array['public.shown'::regclass::oid, 'public.big'::regclass::oid]") == views
    assert read.sql("select array_agg(total) from public.big") == [20]
    assert read.sql("select reloptions from pg_class where relname = 'shown'") == ["security_barrier=true"]
    assert read.sql(f"select has_table_privilege('pgstream_reader', '{NAME}', 'select')")
    assert read.sql(f"select has_column_privilege('pgstream_reader', '{NAME}', 'total', 'references')")
    assert not read.sql(f"select has_column_privilege('pgstream_reader', '{NAME}', 'n', 'references')")
    assert read.sql(f"select obj_description('{NAME}'::regclass)") == "It's kept"
    assert (
        read.sql(
            "select col_description(attrelid, attnum) from pg_attribute"
            f" where attrelid = '{NAME}'::regclass and attname = 'total'"
        )
        == "kept, too"
    )
    assert read.sql(f"select reloptions from pg_class where oid = '{NAME}'::regclass") == ["fillfactor=70"]
    index = read.sql("select pg_get_indexdef('public.order_totals_by_total'::regclass)")
    assert index.endswith("(total DESC) WHERE (total > 5)")
    assert names(read) == []
    for number in range(3):
        read.sql(f"insert into public.orders values ({10 + number}, 1, 5)")
        read.sql(f"update public.orders set amount = amount + 1 where id = {number}")
        is_right(read, hook)
    assert hook.get(NAME).storage_oid == after.storage_oid


def test_a_second_swap_another_one_back_and_a_drop_are_right(read: Any, hook: PgStreamHook) -> None:
    for query in (COUNTED, COUNTED.replace("amount)", "amount * 2)"), QUERY):
        assert swap(hook, query).outcome == "replaced"
        read.sql("insert into public.orders select max(id) + 1, 2, 7 from public.orders")
        is_right(read, hook)
    assert hook.drop(NAME, cascade=True).outcome == "dropped"
    read.sql("insert into public.orders select max(id) + 1, 2, 7 from public.orders")


def test_a_source_that_was_recreated_is_swapped_for(read: Any, hook: PgStreamHook) -> None:
    read.sql("drop table public.orders cascade")
    read.sql("create table public.orders (id int primary key, customer_id int, amount int)")
    read.sql("insert into public.orders values (7, 7, 70)")
    assert swap(hook, QUERY).outcome == "replaced"
    assert read.sql("select array_agg(total) from public.big") == [70]
    read.sql("insert into public.orders values (8, 8, 80)")
    is_right(read, hook)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("select customer_id, count(*) as n from public.orders group by customer_id", READER),
        (QUERY.replace("sum(amount)", "sum(amount)::numeric"), READER),
    ],
    ids=["lost", "another type"],
)
def test_a_column_that_readers_use_is_named_before_anything_happens(
    read: Any, hook: PgStreamHook, query: str, named: str
) -> None:
    before = hook.get(NAME)
    with pytest.raises(DependentObjectsExist, match=f"stream table {named} reads its column total"):
        swap(hook, query)
    hook.drop(READER)
    with pytest.raises(DependentObjectsExist, match=r"view (public\.)?shown"):
        swap(hook, query)
    assert hook.get(NAME).storage_oid == before.storage_oid
    assert names(read) == []
    is_right_alone = hook.refresh(NAME)
    assert is_right_alone.outcome == "refreshed"


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (f"alter table {NAME} enable row level security", "row-level security"),
        (
            "create function public.f() returns trigger language plpgsql as 'begin return new; end';"
            f"create trigger mine after insert on {NAME} for each row execute function public.f()",
            "trigger mine",
        ),
        (f"create publication pgstream_out for table {NAME}", "publication pgstream_out"),
        (
            f"create materialized view public.held as select total from {NAME}",
            "materialized view public.held",
        ),
        ("create function public.g(public.order_totals) returns int language sql as 'select 1'", "function"),
        (f"alter table {NAME} add constraint positive check (total > 0)", "constraint positive"),
        (
            f"create statistics public.stats on customer_id, total from {NAME}",
            "statistics object public.stats",
        ),
    ],
)
def test_what_would_be_lost_is_refused_by_name(
    orders: Any, hook: PgStreamHook, statement: str, named: str
) -> None:
    hook.create(NAME, QUERY, schedule=None)
    orders.sql(statement)
    try:
        with pytest.raises(DependentObjectsExist) as error:
            swap(hook)
        assert named.removeprefix("public.") in str(error.value).replace("public.", "") or named in str(
            error.value
        )
        assert "if_exists='recreate'" in str(error.value)
        assert hook.get(NAME).query == QUERY
        assert names(orders) == []
    finally:
        orders.sql("drop publication if exists pgstream_out")


def test_a_paused_one_stays_paused(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    hook.alter(NAME, status="PAUSED")
    assert swap(hook).outcome == "replaced"
    assert (hook.get(NAME).status, hook.get(NAME).query) == ("SUSPENDED", COUNTED)
    assert orders.sql(f"select sum(n) from {NAME}") == 2
    assert swap(hook, QUERY, status="ACTIVE").outcome == "replaced"
    assert hook.get(NAME).status == "ACTIVE"


@pytest.mark.parametrize("mode", ["FULL", "DIFFERENTIAL"])
def test_another_mode_and_schedule_are_swapped_in(orders: Any, hook: PgStreamHook, mode: str) -> None:
    other = {"FULL": "DIFFERENTIAL", "DIFFERENTIAL": "FULL"}[mode]
    hook.create(NAME, QUERY, schedule="1h", refresh_mode=other)
    orders.sql(f"create view public.shown as select customer_id, total from {NAME}")
    assert swap(hook, COUNTED, refresh_mode=mode).outcome == "replaced"
    assert (hook.get(NAME).refresh_mode, hook.get(NAME).schedule) == (mode, None)
    orders.sql("insert into public.orders values (3, 3, 30)")
    hook.refresh(NAME)
    assert orders.sql("select sum(total) from public.shown") == 60


def test_readers_and_writers_wait_for_nothing_and_never_find_it_empty(
    read: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    read.sql("insert into public.orders select i, i % 1000, i from generate_series(10, 20000) as i")
    hook.refresh(NAME)
    dsn = dsn_of(read.connection)
    is_over = False

    def watch(query: str) -> float:
        longest = 0.0
        with psycopg.connect(dsn, autocommit=True) as session:
            while not is_over:
                began = time.monotonic()
                row = session.execute(query).fetchone()
                longest = max(longest, time.monotonic() - began)
                assert row is None or row[0] >= 900
        return longest

    queries = [f"select count(*) from {NAME}", "select count(*) from public.shown"]
    queries.append("update public.orders set amount = amount where id = 11 returning 1000")
    watchers = [in_thread(watch, query) for query in queries]
    assert swap(hook).outcome == "replaced"
    is_over = True
    assert max(watcher.result() for watcher in watchers) < 5
    is_right(read, hook)


def test_a_reader_that_stays_ends_it_by_name_and_leaves_the_old_one(read: Any, hook: PgStreamHook) -> None:
    before = hook.get(NAME)
    with connect(dsn_of(read.connection)) as other:
        other.execute("select * from public.big")
        with pytest.raises(SourceLocked, match=r"not swapped: the lock on public\.order_totals"):
            swap(hook, lock_timeout=1.0)
    assert hook.get(NAME).storage_oid == before.storage_oid
    assert names(read) == []
    assert swap(hook).outcome == "replaced"


def test_two_swaps_at_once_leave_one_that_is_right(
    read: Any, hook: PgStreamHook, in_thread: Callable[..., Any], pgstream_conn_id: str
) -> None:
    def try_it(query: str) -> str:
        try:
            return str(swap(PgStreamHook(postgres_conn_id=pgstream_conn_id), query).outcome)
        except PgStreamError as error:
            return str(error)

    queries = [COUNTED, COUNTED.replace("amount)", "amount * 2)"), QUERY.replace("amount)", "amount * 3)")]
    outcomes = [thread.result() for thread in [in_thread(try_it, query) for query in queries]]
    assert "replaced" in outcomes
    assert all(one in ("replaced", "unchanged") or "another session" in one for one in outcomes), outcomes
    swap(hook)
    is_right(read, hook)


def test_killed_after_any_step_the_old_one_works_and_the_next_swap_succeeds(
    read: Any, hook: PgStreamHook, pgstream_conn_id: str
) -> None:
    def program(query: str) -> Any:
        installation = yield from detect(Place(None, None, None, "killed"))
        spec = Spec(query, schedule=None, if_exists="replace")
        begun = Begun("replaced", swaps=True)
        return (yield from replace_old(swapping.of(NAME, spec, ENGINE), spec, installation, begun))

    def open_session() -> Any:
        return psycopg.connect(
            dsn_of(read.connection),
            autocommit=True,
            row_factory=psycopg.rows.dict_row,
            prepare_threshold=None,
        )

    views = read.sql("select array['public.shown'::regclass::oid, 'public.big'::regclass::oid]")
    before, steps, is_killed = hook.get(NAME), 0, True
    while is_killed:
        steps += 1
        is_killed = False
        try:
            Dying(open_session, steps).drive(program(COUNTED))
        except Killed:
            is_killed = True
        if hook.get(NAME).query == QUERY:
            assert hook.get(NAME).storage_oid == before.storage_oid
            read.sql("insert into public.orders select max(id) + 1, 1, 1 from public.orders")
            hook.refresh(NAME)
            assert read.sql("select sum(total) from public.shown") == read.sql(
                "select sum(amount) from public.orders"
            )
        elif is_killed:
            swap(hook, QUERY)  # killed after the commit
            before = hook.get(NAME)
    assert steps > 20
    assert read.sql("select array['public.shown'::regclass::oid, 'public.big'::regclass::oid]") == views
    is_right(read, hook)
