"""What a verification compares, and what it says of it, while changes are pending and while none is."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import StreamTableFailed
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.models import Verification
from tests.fixtures.engine import IS_FIRST

NAME = "public.held"
ROWS = 200
ADD = "insert into public.source values (1000, 1)"
SPOIL = f"update {NAME} set amount = amount + 1 where id = 7"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


@pytest.fixture
def held(orders: Any, hook: PgStreamHook) -> Callable[..., None]:
    """Make a table of so many rows that one change is little, and a refreshed stream table over it."""

    def make(refresh_mode: str = "DIFFERENTIAL", where: str = "") -> None:
        orders.sql("create table public.source (id int primary key, amount int)")
        orders.sql(f"insert into public.source select i, i from generate_series(1, {ROWS}) i")
        query = f"select id, amount from public.source {where}"
        hook.create(NAME, query, schedule=None, refresh_mode=refresh_mode)
        hook.refresh(NAME)

    return make


def seen(found: Verification) -> tuple[str, str, str | None]:
    return found.outcome, found.compared, found.action


def counts(found: Verification) -> tuple[int, int]:
    return found.missing, found.surplus


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_right_rows_are_verified_as_they_are(held: Any, hook: PgStreamHook, mode: str) -> None:
    held(mode)
    assert seen(hook.verify(NAME)) == ("verified", "as is", None)


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
@pytest.mark.parametrize("wrong", [SPOIL, f"delete from {NAME} where id = 7"])
def test_wrong_rows_are_found_as_readers_see_them_where_nothing_is_pending(
    orders: Any, held: Any, hook: PgStreamHook, mode: str, wrong: str
) -> None:
    held(mode)
    orders.tamper(wrong)
    found = hook.verify(NAME)
    assert seen(found) == ("different", "as is", None)
    assert counts(found) == (1, 1 if wrong == SPOIL else 0)
    assert not found.warnings


def test_wrong_row_is_told_from_lag_by_what_a_refresh_makes_of_it(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held()
    orders.sql(ADD)
    assert seen(hook.verify(NAME)) == ("verified", "after a refresh", "DIFFERENTIAL")
    orders.tamper(SPOIL)
    found = hook.verify(NAME)
    assert seen(found) == ("different", "after a refresh", "DIFFERENTIAL")
    assert counts(found) == (1, 1)


def test_wrong_row_of_a_full_table_is_found_although_its_refresh_recomputes(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held("FULL")
    orders.sql(ADD)
    orders.tamper(SPOIL)
    found = hook.verify(NAME)
    assert seen(found) == ("lagging", "as is", "FULL")
    assert counts(found) == (2, 1)
    assert not found.equal
    assert (
        "may be lag: changes are pending; a trial refresh recomputed it, and made it equal"
        in found.warnings[0]
    )


def test_lag_of_a_full_table_is_not_taken_for_a_difference(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held("FULL")
    orders.sql(ADD)
    found = hook.verify(NAME)
    assert (seen(found), counts(found)) == (("lagging", "as is", "FULL"), (1, 0))
    hook.refresh(NAME)
    assert seen(hook.verify(NAME)) == ("verified", "as is", None)


def test_changes_that_the_query_leaves_out_need_no_refresh_of_a_full_table(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held("FULL", "where amount < 500")
    orders.sql("insert into public.source values (1000, 1000)")
    assert seen(hook.verify(NAME)) == ("verified", "as is", None)


@pytest.mark.parametrize("wrong", [True, False])
def test_truncated_source_proves_nothing_of_the_rows_before_it(
    orders: Any, held: Any, hook: PgStreamHook, wrong: bool
) -> None:
    held()
    orders.sql("create table public.copy as table public.source")
    orders.sql("truncate public.source")
    orders.sql("insert into public.source table public.copy")
    if wrong:
        orders.tamper(SPOIL)
    found = hook.verify(NAME)
    assert seen(found) == ("lagging" if wrong else "verified", "as is", "FULL")
    assert counts(found) == ((1, 1) if wrong else (0, 0))


@pytest.mark.skipif(
    not os.environ.get("PGSTREAM_TEST_DSN"), reason="the emulator recomputes in no other case"
)
def test_recomputed_table_is_known_by_what_was_done_and_not_by_what_was_said(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held()
    orders.sql("analyze public.source")  # its share of changed rows is one of the estimate
    orders.sql("update public.source set amount = amount where id > 20")
    orders.tamper(SPOIL)
    found = hook.verify(NAME)
    assert (seen(found), counts(found)) == (("lagging", "as is", "FULL"), (1, 1))


@pytest.mark.parametrize("others", [False, True])
def test_table_that_nobody_has_refreshed_yet_is_compared_as_it_is(
    orders: Any, hook: PgStreamHook, others: bool
) -> None:
    orders.create("public.held")
    if others:  # which may have had its changes cleaned away
        orders.create("public.other")
    orders.tamper(f"update {NAME} set total = 99 where customer_id = 1")
    found = hook.verify(NAME)
    unknown = others and IS_FIRST  # pg_trickle notes the position of a creation
    expected = ("lagging", "as is", "FULL") if unknown else ("different", "as is", None)
    assert (seen(found), counts(found)) == (expected, (1, 1))


@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_stream_table_on_a_stream_table_lags_or_is_right(
    orders: Any, held: Any, hook: PgStreamHook, mode: str
) -> None:
    held()
    hook.create("public.upper_one", f"select id, amount from {NAME}", schedule=None, refresh_mode=mode)
    hook.refresh("public.upper_one")
    assert seen(hook.verify("public.upper_one")) == ("verified", "as is", None)
    orders.sql(ADD)
    hook.refresh(NAME)
    found = hook.verify("public.upper_one")
    assert (seen(found), counts(found)) == (("lagging", "as is", "FULL"), (1, 0))
    assert "not known whether changes are pending" in found.warnings[0]
    hook.refresh("public.upper_one")
    assert seen(hook.verify("public.upper_one")) == ("verified", "as is", None)
    orders.tamper("update public.upper_one set amount = amount + 1 where id = 7")
    found = hook.verify("public.upper_one")
    assert (found.may_be_lag, counts(found)) == (True, (1, 1))


def test_changes_that_were_not_captured_are_found_and_their_cause_is_named(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held()
    orders.sql("alter table public.source disable trigger user")
    orders.sql(ADD)
    orders.sql("alter table public.source enable trigger user")
    assert seen(hook.verify(NAME)) == ("different", "as is", None)
    orders.sql("alter table public.source disable trigger user")
    found = hook.verify(NAME)
    assert (seen(found), counts(found)) == (("different", "as is", None), (1, 0))
    assert "changes of public.source are not captured" in found.warnings[0]


def test_paused_table_with_wrong_rows_is_found_where_nothing_is_pending(
    orders: Any, held: Any, hook: PgStreamHook
) -> None:
    held()
    hook.pause(NAME)
    orders.tamper(SPOIL)
    assert seen(hook.verify(NAME)) == ("different", "as is", None)


def test_unpopulated_table_is_not_verified(orders: Any, hook: PgStreamHook) -> None:
    orders.create(NAME, initialize=False)
    with pytest.raises(StreamTableFailed, match="is not verified: it was never populated"):
        hook.verify(NAME)


def test_trial_refresh_leaves_nothing_behind(orders: Any, held: Any, hook: PgStreamHook) -> None:
    held("FULL")
    orders.sql(ADD)
    before = hook.get(NAME)
    assert hook.verify(NAME).action == "FULL"
    after = hook.get(NAME)
    assert (after.data_timestamp, after.last_refresh_at) == (before.data_timestamp, before.last_refresh_at)
    assert orders.sql(f"select count(*) from {NAME}") == ROWS
    assert orders.sql("select count(*) from pg_locks where locktype = 'advisory'") == 0
