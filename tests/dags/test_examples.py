"""The example DAGs, each run as it stands; the Cosmos ones and the flights have tests of their own."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.engine import connect, create, dressed, tamper

pytestmark = pytest.mark.airflow3

DAGS = Path(__file__).parents[2] / "dags"
TOTALS = "select customer_id, total::int from public.order_totals order by 1"
BY_HAND = "select customer_id, sum(amount)::int from public.orders group by customer_id order by 1"


@pytest.fixture
def shop(pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A database with orders, at the examples' connection."""
    uri = pgstream_dsn.replace("postgresql://", "postgres://", 1)
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", uri)
    with connect(pgstream_dsn, autocommit=True) as connection:
        connection.execute("create table public.orders (id int primary key, customer_id int, amount numeric)")
        connection.execute("insert into public.orders values (1, 1, 10), (2, 2, 5), (3, 1, 7)")
        yield connection


@pytest.fixture
def run(run_dag: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """Run an example; return the states of its tasks, and of the run under an empty name."""

    def run_example(name: str, **kwargs: Any) -> dict[str, str]:
        spec = importlib.util.spec_from_file_location(name, DAGS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        dag_run = run_dag(module.dag, **kwargs)
        return {task.task_id: task.state for task in dag_run.get_task_instances()} | {"": dag_run.state}

    return run_example


def test_refresh_after_load_brings_both_tables_up_to_date(shop: Any, run: Any) -> None:
    for _ in range(2):
        assert run("example_refresh_after_load")[""] == "success"
        assert shop.execute(TOTALS).fetchall() == shop.execute(BY_HAND).fetchall()
    best = shop.execute("select customer_id from public.best_customers").fetchall()
    wanted = shop.execute("select customer_id from public.order_totals where total >= 20").fetchall()
    assert sorted(best) == sorted(wanted)
    assert best


@pytest.fixture
def totals(shop: Any) -> Any:
    """The shop with ``public.order_totals``."""
    query = "select customer_id, sum(amount) as total from public.orders group by customer_id"
    create(shop, "public.order_totals", query, None)
    return shop


def test_wait_then_report_waits_for_data_of_this_run(
    totals: Any, scheduler: None, run: Any, pgstream_dsn: str
) -> None:
    ended = threading.Event()

    def refresh_again_and_again() -> None:
        with connect(pgstream_dsn, autocommit=True) as connection:
            while not ended.wait(0.2):
                connection.execute("select pgstream.refresh_stream_table('public.order_totals')")

    refresher = threading.Thread(target=refresh_again_and_again)
    refresher.start()
    try:
        states = run("example_wait_then_report")
    finally:
        ended.set()
        refresher.join()
    assert set(states.values()) == {"success"}


def test_maintenance_window_ends_with_the_table_resumed_and_fresh(totals: Any, run: Any) -> None:
    maintenance = (
        "do $$ begin assert (select status from pgstream.pgs_stream_tables) = 'SUSPENDED'; "
        "update public.orders set amount = amount * 2; end $$"
    )
    states = run("example_maintenance_window", run_conf={"maintenance": dressed(maintenance)})
    assert set(states.values()) == {"success"}
    assert totals.execute("select status from pgstream.pgs_stream_tables").fetchone() == ("ACTIVE",)
    assert totals.execute(TOTALS).fetchall() == totals.execute(BY_HAND).fetchall() == [(1, 34), (2, 10)]


def test_maintenance_window_resumes_the_table_though_the_maintenance_fails(totals: Any, run: Any) -> None:
    states = run("example_maintenance_window", run_conf={"maintenance": "select 1 / 0"})
    assert states == {"pause": "success", "maintain": "failed", "resume_and_refresh": "success", "": "failed"}
    assert totals.execute("select status from pgstream.pgs_stream_tables").fetchone() == ("ACTIVE",)


def test_nightly_verification_repairs_a_wrong_row(totals: Any, run: Any) -> None:
    totals.execute("select pgstream.refresh_stream_table('public.order_totals')")
    tamper(totals, "update public.order_totals set total = 99 where customer_id = 2")
    assert set(run("example_nightly_verification").values()) == {"success"}
    assert totals.execute(TOTALS).fetchall() == totals.execute(BY_HAND).fetchall()


def test_database_driven_reports(totals: Any, run: Any) -> None:
    assert set(run("example_database_driven").values()) == {"success"}


GATED = "select gated from pgtrickle.source_gates()"


@pytest.mark.pg_trickle_only("gates and watermarks")
def test_gated_load_opens_the_gate_again_though_the_load_fails(totals: Any, run: Any) -> None:
    while_gated = "do $$ begin assert (select gated from pgtrickle.source_gates()); end $$"
    states = run("example_gated_load", run_conf={"load": while_gated})
    assert set(states.values()) == {"success"}
    assert totals.execute(GATED).fetchone() == (False,)
    assert totals.execute("select source_table from pgtrickle.watermarks()").fetchone() == ("orders",)
    states = run("example_gated_load", run_conf={"load": "select 1 / 0"})
    assert (states["load"], states["ungate"], states["advance"]) == ("failed", "success", "upstream_failed")
    assert totals.execute(GATED).fetchone() == (False,)


@pytest.mark.pg_trickle_only("watermarks and a health check of its own")
def test_report_runs_once_the_loads_are_level(totals: Any, scheduler: None, run: Any) -> None:
    totals.execute("create table public.payments (id int primary key)")
    group = "pgtrickle.create_watermark_group('shop', array['public.orders', 'public.payments'], 60)"
    totals.execute(f"select {group}")
    for table in ("orders", "payments"):
        totals.execute(f"select pgtrickle.advance_watermark('public.{table}', now())")
    assert set(run("example_level_loads").values()) == {"success"}
    totals.execute("select pgtrickle.drop_watermark_group('shop')")
