"""The hook reads, and is a hook of Airflow."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    StreamTableNotFound,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import IS_FIRST
from tests.fixtures.orders import NAME, QUERY


def test_dependency_order_sees_through_tables_that_are_not_asked_for(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.create("public.b", f"select customer_id, total from {NAME}", schedule="1h")
    hook.create("public.a", "select customer_id, total from public.b", schedule="1h")
    assert hook.in_dependency_order(["public.a", NAME]) == [NAME, "public.a"]
    assert hook.in_dependency_order("a", include_upstream=True) == [NAME, "public.b", "public.a"]


def test_explain_history_and_staleness_answer_for_a_table(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h", initialize=False)
    assert hook.staleness(NAME) is None
    hook.refresh(NAME)
    assert 0 <= (hook.staleness(NAME) or -1) < 60
    assert hook.explain(NAME)
    assert (hook.history(NAME) == ()) == IS_FIRST  # pg_trickle notes a refresh by hand, too
    for call in (hook.explain, hook.history, hook.staleness):
        with pytest.raises(StreamTableNotFound, match=r"public\.nothing"):
            call("nothing")


def test_plain_sql_still_works_through_the_hook(orders: Any, hook: PgStreamHook) -> None:
    assert hook.get_first("select count(*) from public.orders") == (2,)


def test_schema_of_common_sql_means_the_database(pgstream_conn_id: str) -> None:
    hook = PgStreamHook(postgres_conn_id=pgstream_conn_id)
    hook.schema = "elsewhere"
    assert hook.database == "elsewhere"
    assert hook.target.place.database == "elsewhere"
