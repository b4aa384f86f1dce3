"""A worker that is killed leaves no statement running, whatever it was at."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

SLOW = (
    "create or replace function public.slow() returns int volatile language sql"
    " as 'select 1 from pg_sleep({})'"
)
SESSIONS = (
    "select count(*) from pg_stat_activity where application_name = 'airflow-provider-pgstream'"
    " and state = 'active'"
)
QUERY = "select id, public.slow() as n from public.orders"


@pytest.fixture
def slow(orders: Any, pgstream_conn_id: str) -> Any:
    """A stream table that is overdue and takes ten minutes to refresh, verify or make again."""
    hook = PgStreamHook(postgres_conn_id=pgstream_conn_id)
    orders.sql(SLOW.format(0))
    hook.create("public.slow_one", QUERY, schedule="1h", refresh_mode="FULL")
    orders.sql(SLOW.format(600))
    orders.sql("update pgstream.pgs_stream_tables set consecutive_errors = 1")
    return orders


@pytest.mark.parametrize(
    "call",
    [
        f"create('public.slow_two', {QUERY!r}, schedule=None, refresh_mode='FULL')",
        "verify('public.slow_one')",
        "diagnose()",
    ],
    ids=lambda call: call.split("(")[0],
)
def test_server_ends_what_a_killed_worker_was_at(slow: Any, pgstream_conn_id: str, call: str) -> None:
    program = (
        "from airflow_provider_pgstream.hooks.pgstream import PgStreamHook;"
        f"PgStreamHook(postgres_conn_id={pgstream_conn_id!r}).{call}"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    running = f"{SESSIONS} and query ~ '(_stream_table|slow)' and clock_timestamp() - query_start > '1 s'"
    try:
        while not slow.sql(running):
            assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()
    deadline = time.monotonic() + 60
    while slow.sql(SESSIONS):
        assert time.monotonic() < deadline
    assert slow.sql("select count(*) from pg_locks where locktype = 'advisory'") == 0
    assert slow.sql("select count(*) from pgstream.pgs_stream_tables where pgs_name = 'slow_one'") == 1
