"""The verify operator: fail, repair or warn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    StreamTableDiffers,
    StreamTableFailed,
    StreamTableNotFound,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamVerifyOperator
from tests.fixtures.orders import NAME


@pytest.fixture
def verify(pgstream_conn_id: str) -> Callable[..., Any]:
    def execute(stream_table: Any = NAME, **kwargs: Any) -> Any:
        task = PgStreamVerifyOperator(
            task_id="verify", stream_table=stream_table, postgres_conn_id=pgstream_conn_id, **kwargs
        )
        return task.execute({})

    return execute


@pytest.fixture
def wrong(orders: Any, hook: PgStreamHook) -> None:
    """A stream table with a wrong total and a row too many."""
    orders.create(NAME)
    hook.refresh(NAME)
    orders.tamper("update public.order_totals set total = 99 where customer_id = 1")


def test_right_table_is_verified(orders: Any, verify: Any) -> None:
    orders.create(NAME)
    result = verify("order_totals")[NAME]
    assert (result["outcome"], result["missing"], result["surplus"]) == ("verified", 0, 0)
    assert (result["compared"], result["action"]) == ("as is", None)


def test_difference_fails_the_task_with_the_way_out(wrong: None, verify: Any) -> None:
    with pytest.raises(StreamTableDiffers) as error:
        verify()
    said = str(error.value)
    assert f"stream table {NAME} differs from its query, as its readers see it: 1 rows are missing," in said
    assert "full=True" in said


def test_rows_are_shown_only_where_asked_for(wrong: None, verify: Any, told: Callable[[], str]) -> None:
    result = verify(on_difference="warn")[NAME]
    assert (result["missing_examples"], result["surplus_examples"]) == ([], [])
    assert "customer_id" not in told()
    result = verify(on_difference="warn", limit=1)[NAME]
    assert result["surplus_examples"] == ['{"customer_id":1,"total":99}']
    assert '{"customer_id":1,"total":99}' in told()
    with pytest.raises(StreamTableDiffers, match=r'such as \{"customer_id":1,"total":10\}'):
        verify(limit="1")  # as a template is rendered


def test_difference_is_repaired_where_told_to(wrong: None, verify: Any, hook: PgStreamHook) -> None:
    result = verify(on_difference="repair")[NAME]
    assert (result["outcome"], result["missing"], result["surplus"]) == ("repaired", 1, 1)
    assert hook.verify(NAME).equal
    assert hook.get(NAME).refresh_mode == "DIFFERENTIAL"


def test_difference_is_only_told_where_told_to(
    wrong: None, orders: Any, verify: Any, told: Callable[[], str]
) -> None:
    result = verify(on_difference="warn")[NAME]
    assert result["outcome"] == "different"
    assert f"stream table {NAME} differs from its query" in told()
    assert orders.sql("select total from public.order_totals where customer_id = 1") == 99


def test_all_tables_are_verified_before_the_task_fails(
    wrong: None, orders: Any, verify: Any, hook: PgStreamHook
) -> None:
    orders.create("public.second")
    hook.refresh("public.second")
    orders.tamper("delete from public.second")
    with pytest.raises(StreamTableDiffers) as error:
        verify([NAME, "public.second"])
    assert "2 stream tables failed" in str(error.value)
    assert "stream table public.second differs" in str(error.value)
    with pytest.raises(StreamTableNotFound, match=r"public\.nothing"):
        verify("nothing")


@pytest.mark.parametrize("on_difference", ["fail", "repair", "warn"])
def test_lag_is_warned_of_and_no_difference(
    orders: Any, verify: Any, hook: PgStreamHook, told: Callable[[], str], on_difference: str
) -> None:
    orders.create(NAME)
    hook.pause(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    result = verify(on_difference=on_difference)[NAME]
    assert (result["outcome"], result["missing"], result["may_be_lag"]) == ("lagging", 1, True)
    assert "This may be lag: changes are pending; it is SUSPENDED (paused)" in told()
    assert hook.get(NAME).is_paused


def test_paused_table_with_wrong_rows_is_not_repaired_behind_its_owners_back(
    wrong: None, verify: Any, hook: PgStreamHook
) -> None:
    hook.pause(NAME)
    with pytest.raises(StreamTableDiffers):
        verify()
    with pytest.raises(StreamTableSuspended):
        verify(on_difference="repair")
    assert hook.get(NAME).is_paused


def test_table_that_was_never_populated_is_not_verified(orders: Any, verify: Any) -> None:
    orders.create(NAME, initialize=False)
    with pytest.raises(StreamTableFailed, match="never populated, so its readers see no rows; refresh it"):
        verify()
