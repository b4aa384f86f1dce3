"""The freshness sensor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import (
    InvalidStreamTable,
    StreamTableStale,
)
from airflow_provider_pgstream.sensors import PgStreamFreshnessSensor


def sensor(conn_id: str, **kwargs: Any) -> PgStreamFreshnessSensor:
    kwargs.setdefault("stream_table", "public.order_totals")
    return PgStreamFreshnessSensor(task_id="wait", postgres_conn_id=conn_id, **kwargs)


def now(orders: Any) -> datetime:
    moment: datetime = orders.sql("select clock_timestamp()")
    return moment


def age(orders: Any, seconds: int) -> None:
    """Make the data look older: the tests cannot wait."""
    orders.sql(
        "update pgstream.pgs_stream_tables set data_timestamp = data_timestamp - make_interval(secs => %s)",
        seconds,
    )


def test_sensor_succeeds_when_the_data_is_young_enough(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    age(orders, 100)
    assert not sensor(pgstream_conn_id, max_staleness=60).poke({})
    assert sensor(pgstream_conn_id, max_staleness=200).poke({})
    assert sensor(pgstream_conn_id, max_staleness=timedelta(minutes=5)).poke({})
    assert sensor(pgstream_conn_id, max_staleness="200").poke({}), "a rendered template is text"


def test_sensor_waits_for_data_as_of_a_moment(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    moment = now(orders)
    assert not sensor(pgstream_conn_id, fresh_as_of=moment).poke({})
    assert not sensor(pgstream_conn_id, fresh_as_of=str(moment)).poke({})
    orders.refresh()
    assert sensor(pgstream_conn_id, fresh_as_of=moment).poke({})
    assert sensor(pgstream_conn_id, fresh_as_of=moment.isoformat().replace("+00:00", "Z")).poke({})


def test_sensor_takes_a_moment_without_an_offset_for_utc(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    orders.sql("set timezone = 'UTC'")
    moment = now(orders).replace(tzinfo=None)
    assert not sensor(pgstream_conn_id, fresh_as_of=str(moment)).poke({})
    assert sensor(pgstream_conn_id, fresh_as_of=moment - timedelta(minutes=1)).poke({})


def test_sensor_fails_at_once_beyond_error_staleness(orders: Any, pgstream_conn_id: str) -> None:
    orders.create()
    age(orders, 1000)
    with pytest.raises(StreamTableStale, match="more than error_staleness = 600 s"):
        sensor(pgstream_conn_id, max_staleness=60, error_staleness=600).execute({})


def test_sensor_says_that_another_process_must_refresh_where_no_scheduler_serves(
    unserved_orders: Any, unserved_conn_id: str, told: Any
) -> None:
    unserved_orders.create()
    age(unserved_orders, 100)
    waiting = sensor(unserved_conn_id, max_staleness=60)
    assert not waiting.poke({})
    assert "no scheduler serves this database" in told()
    assert not waiting.poke({})
    assert told() == "", "a reason is told once"


def test_sensor_without_a_criterion_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidStreamTable, match="needs max_staleness, fresh_as_of, or both"):
        sensor("c")


@pytest.mark.parametrize(
    "criterion",
    [{"max_staleness": -1}, {"max_staleness": "soon"}, {"fresh_as_of": "yesterday"}, {"fresh_as_of": ""}],
)
def test_sensor_refuses_a_criterion_that_means_nothing(criterion: dict[str, Any]) -> None:
    with pytest.raises(InvalidStreamTable, match=next(iter(criterion))):
        assert sensor("c", **criterion).condition
