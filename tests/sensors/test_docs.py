"""The examples of the sensors' pages, each run as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.engine import IS_FIRST

pytestmark = pytest.mark.airflow3

PAGES = sorted((Path(__file__).parents[2] / "docs" / "sensors").glob("[a-z]*.md"))


PG_TRICKLE = ("engine_health", "watermarks")


def level_watermarks(orders: Any) -> None:
    """Create the group of the page, with both tables loaded up to one moment."""
    orders.sql("create table public.payments (id int primary key)")
    group = "create_watermark_group('shop', array['public.orders', 'public.payments'], 60)"
    orders.sql(f"select pgtrickle.{group}")
    for table in ("orders", "payments"):
        orders.sql(f"select pgtrickle.advance_watermark('public.{table}', now())")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_of_the_page_runs(
    page: Path,
    orders: Any,
    scheduler: None,
    pgstream_dsn: str,
    run_dag: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = pgstream_dsn.replace("postgresql://", "postgres://", 1)
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", uri)
    if page.stem in PG_TRICKLE and IS_FIRST:
        pytest.skip("only on pg_trickle: watermarks and a health check of its own")
    if page.stem == "watermarks":
        level_watermarks(orders)
    orders.create(initialize=page.stem != "populated")
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102
    if page.stem == "freshness":
        orders.sql(
            "update pgstream.pgs_stream_tables set data_timestamp = now() + interval '1 minute'"
        )  # as of a moment that the run has not passed
    assert run_dag(names["dag"]).state == "success"
