"""Roles: the grants of the page on privileges are enough, and whoever lacks one is told which."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    InsufficientPrivilege,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import ENGINE
from tests.fixtures.orders import NAME, QUERY
from tests.hooks.raising import raised

GRANTS_TO_READ = (
    f"grant usage on schema {ENGINE.schema} to {{role}}",
    f"grant select on all tables in schema {ENGINE.schema} to {{role}}",
)
GRANTS_TO_REFRESH = (
    f"grant usage on schema {ENGINE.schema} to {{role}}",
    f"grant select, insert, update, delete on all tables in schema {ENGINE.schema} to {{role}}",
    f"grant usage on schema {ENGINE.changes_schema} to {{role}}",
    f"grant select, delete on all tables in schema {ENGINE.changes_schema} to {{role}}",
    "grant select, maintain on table public.orders to {role}",
    "grant select, insert, update, delete, truncate on table public.order_totals to {role}",
)


@pytest.fixture
def role(orders: Any) -> Any:
    orders.sql("create role tester login")
    yield "tester"
    orders.sql("drop owned by tester cascade")
    orders.sql("drop role tester")


def test_role_with_nothing_is_told_the_grant(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    error, _ = raised(connect_as(login=role).get, NAME)
    assert isinstance(error, InsufficientPrivilege)
    assert f'grant usage on schema {ENGINE.schema} to "tester"' in str(error)


def test_role_that_may_read_reads_and_is_told_what_a_refresh_needs(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    for grant in GRANTS_TO_READ:
        orders.sql(grant.format(role=role))
    reader = connect_as(login=role)
    assert reader.get(NAME).is_populated
    assert reader.cdc_health()[0].problem is None
    assert reader.staleness(NAME) is not None
    error, _ = raised(reader.refresh, NAME)
    assert isinstance(error, InsufficientPrivilege)
    assert 'grant maintain on table public.orders to "tester"' in str(error)
    error, _ = raised(reader.drop, NAME)
    assert isinstance(error, InsufficientPrivilege)


@pytest.mark.pg_stream_only("one role owns the sources, their buffers and their stream tables")
def test_grants_of_the_page_are_enough_to_refresh_verify_and_trim(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    for grant in GRANTS_TO_REFRESH:
        orders.sql(grant.format(role=role))
    worker = connect_as(login=role)
    worker.refresh(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    assert worker.refresh(NAME).action == "DIFFERENTIAL"
    assert worker.refresh(NAME, full=True).action == "FULL"
    assert worker.verify(NAME).equal
    worker.trim()
    assert worker.pause(NAME).outcome == "altered"
    error, _ = raised(worker.drop, NAME)
    assert "run it as the owner" in str(error)


@pytest.mark.pg_stream_only("one role owns the sources, their buffers and their stream tables")
def test_grants_of_the_page_are_enough_to_create(
    orders: Any, hook: PgStreamHook, connect_as: Any, role: str
) -> None:
    for grant in (
        *GRANTS_TO_REFRESH[:4],
        "grant usage, create on schema public, pgstream_changes to {role}",
        f"grant usage on all sequences in schema {ENGINE.schema} to {{role}}",
        "grant select, trigger, maintain on table public.orders to {role}",
    ):
        orders.sql(grant.format(role=role))
    creator = connect_as(login=role)
    assert creator.create(NAME, QUERY, schedule="1h").outcome == "created"
    assert creator.refresh(NAME).outcome == "refreshed"
    assert orders.sql("select count(*) from public.order_totals") == 2
    assert hook.drop(NAME).outcome == "dropped"
