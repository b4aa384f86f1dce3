"""The verify operator: fail, repair or warn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    InvalidStreamTable,
    StreamTableDiffers,
    StreamTableNotFound,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamVerifyOperator

NAME = "public.order_totals"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


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
    orders.sql("update public.order_totals set total = 99 where customer_id = 1")


def test_right_table_is_verified(orders: Any, verify: Any) -> None:
    orders.create(NAME)
    result = verify("order_totals")[NAME]
    assert (result["outcome"], result["missing"], result["surplus"]) == ("verified", 0, 0)
    assert result["refreshed"] is True


def test_difference_fails_the_task_with_examples_and_the_way_out(wrong: None, verify: Any) -> None:
    with pytest.raises(StreamTableDiffers) as error:
        verify()
    said = str(error.value)
    assert f"stream table {NAME} differs from its query: 1 rows are missing" in said
    assert '{"customer_id":1,"total":10}' in said
    assert '{"customer_id":1,"total":99}' in said
    assert "full=True" in said


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
    assert '{"customer_id":1,"total":99}' in told()
    assert orders.sql("select total from public.order_totals where customer_id = 1") == 99


def test_all_tables_are_verified_before_the_task_fails(
    wrong: None, orders: Any, verify: Any, hook: PgStreamHook
) -> None:
    orders.create("public.second")
    hook.refresh("public.second")
    orders.sql("delete from public.second")
    with pytest.raises(StreamTableDiffers) as error:
        verify([NAME, "public.second"])
    assert "2 stream tables failed" in str(error.value)
    assert "stream table public.second differs" in str(error.value)
    with pytest.raises(StreamTableNotFound, match=r"public\.nothing"):
        verify("nothing")


def test_paused_table_that_lags_is_not_repaired_behind_its_owners_back(
    orders: Any, verify: Any, hook: PgStreamHook
) -> None:
    orders.create(NAME)
    hook.pause(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    with pytest.raises(StreamTableDiffers, match="it is paused, so this may be lag"):
        verify()
    with pytest.raises(StreamTableSuspended):
        verify(on_difference="repair")
    assert hook.get(NAME).is_paused


def test_unknown_word_is_refused_while_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidStreamTable, match="on_difference='ignore' is not known"):
        PgStreamVerifyOperator(task_id="verify", stream_table=NAME, on_difference="ignore")
