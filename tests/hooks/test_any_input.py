"""Whatever is given as a name or an argument: our own errors only, and a canary that stands."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_pgstream._engines.names import check_name
from airflow_provider_pgstream.exceptions import InvalidStreamTable, PgStreamError
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import ENGINE

EXAMPLES = 4_000 if os.environ.get("PGSTREAM_FULL") == "1" else 80  # of each of the three tests
ATTACKS = (
    "t'; drop table public.canary; --",
    'public.t"; drop table public.canary; --',
    "public.canary",
    "public.t') ; drop table canary; select ('",
    "$$; drop table canary; $$",
    "a" * 63,
    "a" * 64,
    "ü" * 31 + "a",
    "%s",
    "%(name)s",
    "{}",
    "\\",
    "public.\\'",
    "pg_catalog.pg_class",
    "pgstream.pgs_stream_tables",
)
NAMES = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(max_size=70),
    st.text(alphabet="ab'\"\\;.-%$ \x00\n\tüé{}()", max_size=20),
    st.builds("public.{}".format, st.text(alphabet="abc'\"\\;-%$ü{}()_0", min_size=1, max_size=64)),
)
ARGUMENTS = st.one_of(st.none(), st.sampled_from([*ATTACKS, "1h", "FULL", "PAUSED"]), st.text(max_size=30))
WORD_SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def hook(orders: Any, pgstream_conn_id: str) -> PgStreamHook:
    orders.sql("create table public.canary (sings boolean)")
    orders.sql("insert into public.canary values (true)")
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


def ours_or_nothing(call: Any, *args: Any, **kwargs: Any) -> Any:
    """Call; an error of ours is an answer, any other one fails the test."""
    try:
        return call(*args, **kwargs)
    except PgStreamError as error:
        assert str(error).strip()  # noqa: PT017 - every answer is looked at, also the refusals
        return None


@given(name=NAMES, call=st.sampled_from(["get", "refresh", "verify", "drop", "explain", "history", "pause"]))
@WORD_SETTINGS
def test_any_name_gives_our_errors_only(orders: Any, hook: PgStreamHook, name: str, call: str) -> None:
    ours_or_nothing(getattr(hook, call), name)
    assert orders.sql("select sings from public.canary")


@given(name=NAMES, schedule=ARGUMENTS, mode=ARGUMENTS, status=ARGUMENTS, query=ARGUMENTS)
@WORD_SETTINGS
def test_any_argument_of_create_and_alter_gives_our_errors_only(
    orders: Any, hook: PgStreamHook, name: str, schedule: Any, mode: Any, status: Any, query: Any
) -> None:
    text = query or "select id, amount from public.orders"
    ours_or_nothing(hook.create, name, text, schedule=schedule, refresh_mode=mode or "FULL", status=status)
    ours_or_nothing(hook.alter, name, schedule=schedule, refresh_mode=mode, status=status)
    ours_or_nothing(hook.drop, name)
    assert orders.sql("select sings from public.canary")


@given(name=NAMES)
@WORD_SETTINGS
def test_name_that_is_accepted_can_be_created_refreshed_verified_and_dropped(
    orders: Any, hook: PgStreamHook, name: str
) -> None:
    try:
        check_name(name)
    except InvalidStreamTable:
        return
    bare = name.split(".", 1)[-1]
    if bare in ("canary", "orders"):
        return
    if ENGINE.refused_in_names and re.search(ENGINE.refused_in_names, bare):
        return
    hook.create(f"public.{bare}", "select id, amount from public.orders", schedule="1h")
    try:
        assert hook.refresh(f"public.{bare}").outcome == "refreshed"
        assert hook.refresh(f"public.{bare}").outcome == "refreshed"
        assert hook.verify(f"public.{bare}").equal
    finally:
        hook.drop(f"public.{bare}")
    assert orders.sql("select sings from public.canary")
