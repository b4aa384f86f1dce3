"""What later versions of pg_trickle offer is found and used: on the emulator, by their signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

pytest_plugins = ["tests.fixtures.newer"]

NAME = "public.order_totals"
OPERATOR = """
revoke execute on all functions in schema pgtrickle from public;
alter function pgtrickle.pause_stream_table security definer set search_path = public;
alter function pgtrickle.resume_stream_table security definer set search_path = public;
create role operator;
grant usage on schema pgtrickle to operator;
grant select on all tables in schema pgtrickle to operator;
grant execute on function pgtrickle.pause_stream_table, pgtrickle.resume_stream_table to operator;
"""


@pytest.fixture
def newer(newer_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """A session beside the hook's, and a table of two orders."""
    monkeypatch.setenv("AIRFLOW_CONN_NEWER", newer_dsn.replace("postgresql://", "postgres://"))
    with psycopg.connect(newer_dsn, autocommit=True) as session:
        session.execute("create table public.orders (id int primary key)")
        session.execute("insert into public.orders values (1), (2)")
        yield session


def test_an_external_table_is_populated_and_refreshed_by_its_graph(newer: psycopg.Connection[Any]) -> None:
    hook = PgStreamHook(postgres_conn_id="newer")
    query = "select id from public.orders"
    created = hook.create(NAME, query, schedule=None, orchestration_mode="EXTERNAL")
    assert created.outcome == "created"
    assert "EXTERNAL" in str(created.reason)
    rows = f"select count(*) from {NAME}"
    assert newer.execute(rows).fetchone() == (2,)
    newer.execute("insert into public.orders values (3)")
    refreshed = hook.refresh(NAME)
    assert (refreshed.outcome, refreshed.action, refreshed.rows_inserted) == ("refreshed", "DIFFERENTIAL", 1)
    assert newer.execute(rows).fetchone() == (3,)
    last = "select initiated_by from pgtrickle.pgt_refresh_history order by refresh_id desc limit 1"
    assert newer.execute(last).fetchone() == ("EXTERNAL_GRAPH",)
    assert newer.execute("select refresh_tier from pgtrickle.pgt_stream_tables").fetchone() != ("frozen",)
    assert hook.refresh(NAME, full=True).action == "FULL"
    assert hook.verify(NAME).outcome == "verified"
    again = hook.create(NAME, query, schedule=None, orchestration_mode="EXTERNAL", if_exists="replace")
    assert again.outcome == "unchanged"
    with pytest.raises(
        InvalidStreamTable, match="orchestration_mode='external' is not known: give one of EXTERNAL"
    ):
        hook.create(NAME, query, schedule=None, orchestration_mode="external", if_exists="replace")


def test_role_that_may_only_pause_and_resume_does(newer_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NEWER", newer_dsn.replace("postgresql://", "postgres://"))
    with psycopg.connect(newer_dsn, autocommit=True) as session:
        session.execute("create table public.orders (id int primary key)")
        PgStreamHook(postgres_conn_id="newer").create(NAME, "select id from public.orders", schedule="1h")
        session.execute(OPERATOR)
        hook = PgStreamHook(postgres_conn_id="newer", options="-c role=operator")
        try:
            seen = []
            for call in (hook.pause, hook.pause, hook.resume, hook.resume):
                seen.append((call(NAME).outcome, hook.get(NAME).status))
            assert seen == [
                ("altered", "SUSPENDED"),
                ("unchanged", "SUSPENDED"),
                ("altered", "ACTIVE"),
                ("unchanged", "ACTIVE"),
            ]
        finally:
            session.execute("drop owned by operator; drop role operator")
