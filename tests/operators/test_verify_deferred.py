"""The verify operator in the triggerer: it finds, repairs and says what it does on a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pgstream.exceptions import InvalidStreamTable, PgStreamError, StreamTableDiffers
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamVerifyOperator
from airflow_provider_pgstream.triggers import PgStreamVerifyOperationTrigger
from tests.triggers.firing import fired

NAME = "public.order_totals"


@pytest.fixture
def hook(pgstream_conn_id: str) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=pgstream_conn_id)


@pytest.fixture
def wrong(orders: Any, hook: PgStreamHook) -> None:
    """A stream table with a wrong total."""
    orders.create(NAME)
    hook.refresh(NAME)
    orders.tamper("update public.order_totals set total = 99 where customer_id = 1")


@pytest.fixture
def verify(pgstream_conn_id: str) -> Callable[..., Any]:
    """Run a deferred operator to its end, as a worker and a triggerer do; return its result and the event."""

    async def run(**kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        task = PgStreamVerifyOperator(
            task_id="verify", stream_table=NAME, postgres_conn_id=pgstream_conn_id, deferrable=True, **kwargs
        )
        with pytest.raises(TaskDeferred) as deferred:
            task.execute({})
        assert deferred.value.method_name == "execute_complete"
        path, arguments = deferred.value.trigger.serialize()
        assert path == f"{PgStreamVerifyOperationTrigger.__module__}.PgStreamVerifyOperationTrigger"
        trigger = PgStreamVerifyOperationTrigger(**json.loads(json.dumps(arguments)))
        assert trigger.serialize() == (path, arguments)
        event = await fired(trigger)
        return task.execute_complete({}, event), event

    return run


async def test_right_table_is_verified(orders: Any, verify: Any) -> None:
    orders.create(NAME)
    results, _ = await verify()
    assert (results[NAME]["outcome"], results[NAME]["compared"]) == ("verified", "as is")


async def test_difference_fails_the_task(wrong: None, verify: Any) -> None:
    with pytest.raises(
        StreamTableDiffers, match=f"stream table {NAME} differs from its query, as its readers"
    ):
        await verify()


async def test_difference_is_repaired_in_the_triggerer(
    wrong: None, verify: Any, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    results, _ = await verify(on_difference="repair")
    assert results[NAME]["outcome"] == "repaired"
    assert "repairing it by a full refresh" in told()
    assert hook.verify(NAME).equal


async def test_rows_reach_the_event_only_where_asked_for(wrong: None, verify: Any) -> None:
    _, event = await verify(on_difference="warn")
    assert "customer_id" not in json.dumps(event)
    results, _ = await verify(on_difference="warn", limit=1)
    assert results[NAME]["missing_examples"] == ['{"customer_id":1,"total":10}']


async def test_lag_is_warned_of_in_the_tasks_log(
    orders: Any, verify: Any, hook: PgStreamHook, told: Callable[[], str]
) -> None:
    orders.create(NAME)
    hook.pause(NAME)
    orders.sql("insert into public.orders values (3, 3, 30)")
    results, _ = await verify()
    assert results[NAME]["outcome"] == "lagging"
    assert "This may be lag: changes are pending" in told()


def test_resuming_without_a_result_is_an_error() -> None:
    task = PgStreamVerifyOperator(task_id="verify", stream_table=NAME)
    with pytest.raises(PgStreamError, match="resumed with an event that no trigger of this provider sends"):
        task.execute_complete({}, None)


@pytest.mark.parametrize(
    ("argument", "value"), [("limit", -1), ("limit", "many"), ("float_tolerance", -1), ("lock_timeout", "x")]
)
def test_number_that_cannot_be_is_refused_while_the_dag_is_parsed(argument: str, value: Any) -> None:
    with pytest.raises(InvalidStreamTable, match=f"{argument}={value!r} must be a"):
        PgStreamVerifyOperator(task_id="verify", stream_table=NAME, **{argument: value})


def test_options_may_be_templates(wrong: None, pgstream_conn_id: str) -> None:
    task = PgStreamVerifyOperator(
        task_id="verify",
        stream_table=NAME,
        postgres_conn_id=pgstream_conn_id,
        on_difference="{{ word }}",
        limit="{{ number }}",
    )
    task.render_template_fields({"word": "warn", "number": 1})
    assert len(task.execute({})[NAME]["missing_examples"]) == 1
