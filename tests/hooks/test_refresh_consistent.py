"""A list as of one moment: its tables agree, nothing is lost, and who is in the way is waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.exceptions import InvalidStreamTable, RefreshInProgress
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.models import RefreshResult
from tests.fixtures.engine import connect

SLOW, IDS, TOP = "public.a_slow", "public.b_ids", "public.c_top"
GATE = (
    "create function public.gate(x int) returns int language plpgsql stable as"
    " $$ begin perform pg_advisory_xact_lock_shared(4242); return x; end $$"
)
AT_THE_GATE = (
    "select min(l.pid) from pg_locks l where l.locktype = 'advisory' and not l.granted and l.objid = 4242"
    " and l.database = (select oid from pg_database where datname = current_database())"
)


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


@pytest.fixture
def tables(orders: Any, hook: PgStreamHook) -> Any:
    """One stream table in FULL mode, one in DIFFERENTIAL mode, and one that reads the second."""
    orders.sql(GATE)
    slow = "select id, public.gate(amount) as amount from public.orders"
    hook.create(SLOW, slow, schedule=None, refresh_mode="FULL")
    hook.create(IDS, "select id, amount from public.orders", schedule=None)
    hook.create(TOP, f"select id, amount from {IDS}", schedule=None)
    refresh(hook)
    orders.sql("insert into public.orders values (3, 3, 30)")
    return orders


def refresh(hook: PgStreamHook, names: Any = (SLOW, IDS, TOP), **options: Any) -> dict[str, RefreshResult]:
    report = hook.refresh_all(RefreshPlan(list(names), consistent=True, **options))
    report.raise_errors()
    return report.results


def counts(orders: Any) -> list[int]:
    return [orders.sql(f"select count(*) from {name}") for name in (SLOW, IDS, TOP)]


@pytest.mark.parametrize("limit", [None, 1])
def test_what_is_committed_while_one_is_refreshed_is_in_none_and_comes_next_time(
    tables: Any, hook: PgStreamHook, in_thread: Callable[..., Any], limit: int | None
) -> None:
    tables.sql("select pg_advisory_lock(4242)")
    work = in_thread(lambda: refresh(hook, max_parallel=limit))
    while not tables.sql(AT_THE_GATE):
        assert work.is_alive()
    tables.sql("insert into public.orders values (4, 4, 40)")
    tables.sql("select pg_advisory_unlock(4242)")
    results = work.result()
    assert {result.outcome for result in results.values()} == {"refreshed"}
    assert counts(tables)[:2] == [3, 3]
    refresh(hook)
    assert counts(tables) == [4, 4, 4]


def test_tables_of_one_source_share_the_position(orders: Any, hook: PgStreamHook) -> None:
    names = [f"public.t{number}" for number in range(3)]
    for name in names:
        hook.create(name, "select id, amount from public.orders", schedule=None)
    results = refresh(hook, names)
    assert len({result.boundary for result in results.values()}) == 1
    assert results[names[0]].boundary is not None


@pytest.fixture
def busy(tables: Any, hook: PgStreamHook) -> Any:
    """Another session that refreshes one of them."""
    pgs_id = hook.get(IDS).pgs_id
    with connect(tables.connection.info.dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [pgs_id])
        yield other


def test_busy_table_is_waited_for(
    tables: Any, hook: PgStreamHook, busy: Any, in_thread: Callable[..., Any]
) -> None:
    work = in_thread(lambda: refresh(hook, busy_timeout=60))
    while counts(tables)[0] == 2:  # a first round came to nothing
        assert work.is_alive()
    busy.execute("select pg_advisory_unlock_all()")
    assert {result.outcome for result in work.result().values()} == {"refreshed"}
    assert counts(tables) == [3, 3, 3]


def test_busy_table_is_skipped_with_what_reads_it(tables: Any, hook: PgStreamHook, busy: Any) -> None:
    results = refresh(hook, on_busy="skip")
    assert {name: result.outcome for name, result in results.items()} == {
        SLOW: "refreshed",
        IDS: "skipped",
        TOP: "skipped",
    }
    assert results[IDS].reason == "another session is refreshing it"
    assert results[TOP].reason == f"left out: it reads {IDS}, which was not refreshed"
    assert counts(tables) == [3, 2, 2]


@pytest.mark.parametrize("options", [{"on_busy": "fail"}, {"busy_timeout": 0}], ids=str)
def test_busy_table_fails_the_list(
    tables: Any, hook: PgStreamHook, busy: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(RefreshInProgress, match=IDS):
        refresh(hook, **options)


def test_list_that_cannot_show_one_moment_is_refused_before_anything_is_refreshed(
    tables: Any, hook: PgStreamHook
) -> None:
    query = f"select o.id, t.amount from public.orders o join {IDS} t on t.id = o.id"
    hook.create("public.mixed", query, schedule=None, refresh_mode="FULL")
    before = counts(tables)
    with pytest.raises(InvalidStreamTable, match=r"public\.mixed reads public\.orders beside stream table"):
        refresh(hook, [SLOW, IDS, "public.mixed"])
    with pytest.raises(InvalidStreamTable, match=r"c_top reads public\.b_ids, which is not in the list"):
        refresh(hook, [SLOW, TOP])
    assert counts(tables) == before
    refresh(hook, [SLOW, TOP], include_upstream=True)
    assert counts(tables) == [3, 3, 3]
