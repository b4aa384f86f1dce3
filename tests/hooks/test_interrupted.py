"""Interrupted work: a task that times out, and a worker that is killed, leave nothing running."""

from __future__ import annotations

import multiprocessing
import signal
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from tests.fixtures.engine import connect
from tests.fixtures.orders import NAME

LATE = "-c default_transaction_isolation=repeatable\\ read"
WAITING = "select count(*) from pg_locks where not granted and relation = 'public.orders'::regclass"
RUNNING = (
    "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
    " and query ~ 'refresh_stream_table'"
)
SLOW = (
    "create or replace function public.slow() returns int volatile language sql"
    " as 'select 1 from pg_sleep({})'"
)
ADVISORY = "select count(*) from pg_locks where locktype = 'advisory'"


@pytest.fixture
def hook(orders: Any, pgstream_conn_id: str) -> PgStreamHook:
    orders.create(NAME)
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


@pytest.fixture
def slow(orders: Any, hook: PgStreamHook) -> str:
    """A stream table whose refresh takes ten minutes."""
    orders.sql(SLOW.format(0))
    hook.create("public.slow_one", "select id, public.slow() as n from public.orders", refresh_mode="FULL")
    orders.sql(SLOW.format(600))
    return "public.slow_one"


def ends(orders: Any, query: str) -> bool:
    """Await that a count becomes nothing; ten minutes are not waited for."""
    deadline = time.monotonic() + 60
    while orders.sql(query):
        if time.monotonic() > deadline:
            return False
    return True


def test_task_that_times_out_leaves_no_statement_running(orders: Any, hook: PgStreamHook, slow: str) -> None:
    def time_out(*_: Any) -> None:
        raise AirflowTaskTimeout("timed out")

    before = signal.signal(signal.SIGALRM, time_out)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(AirflowTaskTimeout):
            hook.refresh(slow)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ends(orders, RUNNING)
    # A session that was closed ends when its server process has noticed.
    assert ends(orders, ADVISORY)
    assert hook.refresh(NAME).outcome == "refreshed"


@pytest.fixture
def killed(orders: Any, hook: PgStreamHook, slow: str) -> str:
    """The stream table of `slow`, whose worker was killed in the middle of its refresh just now."""
    refresh = PgStreamRefreshOperator(task_id="r", stream_table=slow, postgres_conn_id=hook.get_conn_id())
    # A fork, as the workers of Airflow are: a new interpreter would import Airflow for many seconds.
    worker = multiprocessing.get_context("fork").Process(target=refresh.execute, args=({},))
    worker.start()
    try:
        while not orders.sql(RUNNING):
            assert worker.is_alive()
    finally:
        worker.kill()
        worker.join()
    return slow


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_retry_after_a_killed_worker_waits_for_what_it_left_and_has_the_rows(
    orders: Any, hook: PgStreamHook, killed: str
) -> None:
    orders.sql(SLOW.format(0))
    orders.sql("insert into public.orders values (3, 3, 30)")
    retry = PgStreamRefreshOperator(
        task_id="refresh", stream_table=killed, postgres_conn_id=hook.get_conn_id(), busy_timeout=60
    )
    assert retry.execute({})[killed]["outcome"] == "refreshed"
    assert orders.sql(f"select array_agg(id order by id) from {killed}") == [1, 2, 3]
    # A session that was closed ends when its server process has noticed.
    assert ends(orders, ADVISORY)


def test_rows_committed_while_a_refresh_waits_are_in_it_whatever_the_default_isolation(
    orders: Any, hook: PgStreamHook, in_thread: Any
) -> None:
    hook.refresh(NAME)
    strict = PgStreamHook(postgres_conn_id=hook.get_conn_id(), options=LATE)
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        refresh = in_thread(lambda: strict.refresh(NAME, lock_timeout=60))
        while not orders.sql(WAITING):
            assert refresh.is_alive()
        writer.commit()
    assert refresh.result().outcome == "refreshed"
    assert orders.sql("select total from public.order_totals where customer_id = 3") == 30
