"""The asset watcher's trigger: every refresh is an event, whoever made it, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from airflow_provider_pgstream import _compat
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.triggers import PgStreamRefreshTrigger, watcher
from tests.triggers.firing import eventually

pytestmark = pytest.mark.skipif(not _compat.AIRFLOW_3, reason="Airflow 2 has no asset watchers")

SESSIONS = "select count(*) from pg_stat_activity where application_name = 'airflow-provider-pgstream'"
LOOKED = SESSIONS + " and query like '% as refreshed_at%' and state = 'idle'"
NOTIFY = "select pg_notify('pg_stream_alert', %s)"


class Store:
    """Stands in for Airflow's state store of an asset, which needs a supervisor around it."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def aget(self, key: str) -> Any:
        return self.values.get(key)

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = value


class Watching:
    """A trigger that runs in the background, and the events that it fired."""

    def __init__(self, trigger: PgStreamRefreshTrigger) -> None:
        self.trigger = trigger
        self.events: list[dict[str, Any]] = []
        self.task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        async for event in self.trigger.run():
            self.events.append(event.payload)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def tables(self) -> list[str]:
        return [event["stream_table"] for event in self.events]


@pytest.fixture
async def watch(pgstream_conn_id: str) -> AsyncIterator[Callable[..., Watching]]:
    """Start watchers; all are stopped at the end."""
    started: list[Watching] = []

    def start(*names: str, store: Store | None = None, poll_interval: float = 0.1, **kwargs: Any) -> Watching:
        trigger = PgStreamRefreshTrigger(
            list(names) or "public.order_totals", pgstream_conn_id, poll_interval=poll_interval, **kwargs
        )
        trigger.asset_state_store = store  # type: ignore[assignment]
        started.append(Watching(trigger))
        return started[-1]

    yield start
    for watching in started:
        await watching.stop()


async def looked(orders: Any) -> None:
    """Return when a watcher has made its first look."""
    await eventually(lambda: orders.sql(LOOKED))


async def test_a_refresh_by_hand_is_an_event(orders: Any, watch: Any) -> None:
    orders.create()
    watching = watch()
    await looked(orders)
    orders.refresh()
    await eventually(lambda: watching.events)
    assert watching.tables == ["public.order_totals"]
    assert watching.events[0]["data_timestamp"]
    orders.refresh()
    await eventually(lambda: len(watching.events) == 2)


async def test_what_was_there_before_is_no_event(orders: Any, watch: Any) -> None:
    orders.create()
    orders.create("public.other")
    watching = watch("public.order_totals", "public.other")
    await looked(orders)
    orders.refresh("public.other")
    await eventually(lambda: watching.events)
    assert watching.tables == ["public.other"]


@pytest.mark.emulator_only("a scheduler that makes a turn when asked")
async def test_a_refresh_by_the_scheduler_is_an_event_and_one_without_data_is_not(
    pgstream_server: Any, orders: Any, watch: Any
) -> None:
    orders.create(schedule="1m")
    watching, every_turn = watch(), watch(include_no_data=True)
    await looked(orders)
    assert pgstream_server.run_scheduler(later=60)["public.order_totals"] == "NO_DATA"
    await eventually(lambda: every_turn.events)
    assert every_turn.events[0]["action"] == "NO_DATA"
    assert not watching.events
    orders.sql("insert into public.orders values (3, 3, 30)")
    pgstream_server.run_scheduler(later=60)
    await eventually(lambda: watching.events)
    assert watching.events[0]["action"] in ("DIFFERENTIAL", "FULL")
    assert len(watching.events) == 1


@pytest.mark.emulator_only("a scheduler that makes a turn when asked")
async def test_a_refresh_by_hand_shows_behind_a_turn_of_the_scheduler_that_found_nothing(
    pgstream_server: Any, orders: Any, watch: Any
) -> None:
    orders.create(schedule="1m")
    store = Store()
    watching = watch(store=store)
    await looked(orders)
    await eventually(lambda: store.values)
    await watching.stop()
    orders.refresh()
    pgstream_server.run_scheduler(later=60)
    again = watch(store=store)
    await eventually(lambda: again.events)
    assert again.tables == ["public.order_totals"]


async def test_a_table_that_is_created_later_or_anew_is_an_event(orders: Any, watch: Any) -> None:
    watching = watch()
    await looked(orders)
    orders.create()
    await eventually(lambda: len(watching.events) == 1)
    orders.sql("select pgstream.drop_stream_table('public.order_totals')")
    orders.create()
    await eventually(lambda: len(watching.events) == 2)


async def test_a_notification_hastens_the_look(orders: Any, watch: Any) -> None:
    orders.create()
    watching = watch(poll_interval=3600)
    await looked(orders)
    orders.refresh()  # sends none
    orders.sql(NOTIFY, '{"event":"refresh_completed","pgs_schema":"public","pgs_name":"order_totals"}')
    await eventually(lambda: watching.events)


@pytest.mark.parametrize(
    "payload", ['{"event":"refresh_failed","error":"a\nb\\"}', '{"event":"refre', "", "x" * 7900]
)
async def test_a_notification_that_is_no_json_or_cut_does_no_harm(
    orders: Any, watch: Any, payload: str
) -> None:
    orders.create()
    watching = watch(poll_interval=3600)
    await looked(orders)
    orders.sql(NOTIFY, payload)
    orders.refresh()
    orders.sql(NOTIFY, payload)
    await eventually(lambda: watching.tables == ["public.order_totals"])
    assert not watching.task.done()


async def test_ten_thousand_notifications_a_second_neither_drown_nor_multiply_events(
    orders: Any, watch: Any
) -> None:
    orders.create()
    watching = watch()
    await looked(orders)

    def storm() -> None:
        for number in range(10):
            orders.sql(
                "select count(pg_notify('pg_stream_alert', i || ' ' || %s)) from generate_series(1, 2000) i",
                number,
            )

    await asyncio.to_thread(storm)
    orders.refresh()
    await eventually(lambda: watching.events)
    assert watching.tables == ["public.order_totals"]
    assert not watching.task.done()


async def test_a_refresh_while_the_connection_is_away_is_not_lost(orders: Any, watch: Any) -> None:
    orders.create()
    watching = watch()
    await looked(orders)
    orders.sql(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
        "where application_name = 'airflow-provider-pgstream'"
    )
    orders.refresh()
    await eventually(lambda: watching.events)
    assert watching.tables == ["public.order_totals"]


async def test_a_refresh_while_no_triggerer_runs_is_not_lost(orders: Any, watch: Any) -> None:
    orders.create()
    store = Store()
    before = watch(store=store)
    await eventually(lambda: store.values)
    await before.stop()
    orders.refresh()
    after = watch(store=store)
    await eventually(lambda: after.events)
    assert after.tables == ["public.order_totals"]


async def test_watchers_of_one_database_share_one_connection(orders: Any, watch: Any) -> None:
    names = [orders.create(f"public.t{number}") for number in range(5)]
    watching = [watch(name) for name in names]
    await looked(orders)
    assert orders.sql(SESSIONS) == 1
    for name in names:
        orders.refresh(name)
    await eventually(lambda: all(each.events for each in watching))
    assert [each.tables for each in watching] == [[name] for name in names]
    assert orders.sql(SESSIONS) == 1


async def test_a_watcher_waits_for_an_extension_that_is_not_there_yet(
    pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    uri = pgstream_dsn.replace("postgresql://", "postgres://").rsplit("/", 1)[0] + "/template1"
    monkeypatch.setenv("AIRFLOW_CONN_BARE", uri)
    watching = Watching(PgStreamRefreshTrigger("public.t", "bare", poll_interval=0.1))
    output = ""

    def complained() -> bool:
        nonlocal output
        output += told()
        return "pg_stream is not installed in database 'template1'" in output

    await eventually(complained)
    assert not watching.task.done()
    await watching.stop()


def test_a_watcher_wants_qualified_names() -> None:
    with pytest.raises(InvalidStreamTable, match=r"schema\.table"):
        PgStreamRefreshTrigger("order_totals")


def test_on_airflow_2_a_watcher_says_that_it_needs_airflow_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "AIRFLOW_3", False)
    with pytest.raises(Exception, match="needs Airflow 3"):
        PgStreamRefreshTrigger("public.t")


async def test_the_engines_own_scheduler_starts_the_event_by_its_notification(
    orders: Any, scheduler: None, watch: Any
) -> None:
    orders.create(schedule="1s")
    watching = watch(poll_interval=3600)
    await looked(orders)
    orders.sql("insert into public.orders values (3, 3, 30)")
    await eventually(lambda: watching.events)
    assert watching.events[0]["action"] in ("DIFFERENTIAL", "FULL")
