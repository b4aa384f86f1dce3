"""The trigger that turns refreshes in the database into asset events, for an AssetWatcher of Airflow 3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_pgstream._compat import AIRFLOW_3
from airflow_provider_pgstream._engines import queries, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.names import check_names
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.hooks._async import AsyncConnection, Database
from airflow_provider_pgstream.triggers._shared_poll import Subscription, Unreachable, polls

WATERMARK = "pg_stream marks"
"""The key under which the asset's state store keeps what was last seen."""


@dataclass(frozen=True)
class Mark:
    """
    What shows that a stream table was refreshed since.

    :param pgs_id: changes when the table is recreated.
    :param refreshed_at: moves with every refresh, one that found nothing to do included.
    :param moved: changes with every refresh that did something, so that one by hand shows even if the
        scheduler found nothing to do right behind it.
    :param action: what the engine's history says of the last refresh; None if it says nothing.
    """

    pgs_id: int
    refreshed_at: str | None
    moved: str | None
    action: str | None
    data_timestamp: str | None

    def is_newer_than(self, old: Mark | None, *, include_no_data: bool) -> bool:
        """Tell whether the table was refreshed since the old mark; None if it was not there then."""
        if self.refreshed_at is None:
            return False
        if old is None or self.pgs_id != old.pgs_id:
            return True
        if self.refreshed_at == old.refreshed_at:
            return False
        return include_no_data or self.action != words.NO_DATA or self.moved != old.moved


class PgStreamRefreshTrigger(BaseEventTrigger):
    """
    Fires each time the database refreshed a stream table: its scheduler, Airflow, or somebody by hand.

    For an ``AssetWatcher`` (Airflow 3). The engine's notifications only hasten a poll; what counts is the
    catalog, which is polled every ``poll_interval`` in any case, so that nothing is lost while the server
    is away. Refreshes between two polls are one event. Where Airflow has a state store for assets (3.3), what
    happens while no triggerer runs fires when one is back; the last event may then come twice.

    All watchers and sensors of one database in one triggerer share one connection.

    :param stream_table: ``"schema.table"``, or a list of them.
    :param postgres_conn_id: the Airflow connection.
    :param hook_params: arguments of the hook.
    :param include_no_data: fire also when the scheduler found nothing to do.
    :param poll_interval: seconds between polls when no notification comes; refreshes by hand send none.
    :raises AirflowException: on Airflow 2, which has no asset watchers.
    """

    def __init__(
        self,
        stream_table: str | Sequence[str],
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
        include_no_data: bool = False,
        poll_interval: float = 10.0,
    ) -> None:
        if not AIRFLOW_3:
            raise AirflowException(
                "PgStreamRefreshTrigger needs Airflow 3, whose AssetWatcher it feeds: on Airflow 2, "
                "schedule the DAG by time and let a PgStreamFreshnessSensor wait in it"
            )
        super().__init__()  # type: ignore[no-untyped-call]
        self.names = check_names(stream_table)
        if bare := [name for name in self.names if "." not in name]:
            raise InvalidStreamTable(f"a watcher needs schema.table, not {bare[0]!r}")
        if poll_interval <= 0:
            raise InvalidStreamTable(f"poll_interval={poll_interval!r} must be seconds, more than 0")
        self.stream_table = stream_table
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params
        self.include_no_data = include_no_data
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "stream_table": self.stream_table,
                "postgres_conn_id": self.postgres_conn_id,
                "hook_params": self.hook_params,
                "include_no_data": self.include_no_data,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event per refresh, for ever."""
        subscription = Subscription(poll_marks, frozenset(self.names), self.poll_interval, listens=True)
        watermark = Watermark(getattr(self, "asset_state_store", None), self.log)
        marks = await watermark.load()
        logged = ""
        async with polls(Database(self.postgres_conn_id, self.hook_params), subscription) as seen:
            async for found in seen:
                logged = self._log_change(self._missing(found), logged)
                if isinstance(found, Unreachable):
                    continue
                if marks is not None:
                    # Saved a poll late, when Airflow's own database has the events of the last one for sure.
                    await watermark.save(marks)
                    for name in self._refreshed(marks, found):
                        yield TriggerEvent(_event(name, found[name]))  # type: ignore[no-untyped-call]
                marks = {name: found[name] for name in self.names if name in found}

    def _refreshed(self, old: Mapping[str, Mark], new: Mapping[str, Mark]) -> list[str]:
        return [
            name
            for name in self.names
            if name in new and new[name].is_newer_than(old.get(name), include_no_data=self.include_no_data)
        ]

    def _missing(self, found: Mapping[str, Mark] | Unreachable) -> str:
        if isinstance(found, Unreachable):
            return f"watching again when this is over: {found.error}"
        missing = ", ".join(name for name in self.names if name not in found)
        return f"watching for stream tables that do not exist yet: {missing}" if missing else ""

    def _log_change(self, missing: str, logged: str) -> str:
        if missing != logged:
            self.log.info("%s", missing or f"watching {', '.join(self.names)}")
        return missing


def _event(name: str, mark: Mark) -> dict[str, Any]:
    return {
        "stream_table": name,
        "action": mark.action,
        "data_timestamp": mark.data_timestamp,
        "last_refresh_at": mark.refreshed_at,
    }


async def poll_marks(connection: AsyncConnection, engine: Engine, names: list[str]) -> dict[str, Mark]:
    """Fetch the marks of several stream tables in one query."""
    cursor = await connection.execute(queries.marks(engine), {"names": names})
    return {row.pop("name"): Mark(**row) for row in await cursor.fetchall()}


class Watermark:
    """
    The marks that were last seen, kept where they outlive the triggerer.

    :param store: Airflow's state store of the watched asset; None where there is none.
    :param log: where it is told that there is none.
    """

    def __init__(self, store: Any, log: Any) -> None:
        self._store = store
        self._log = log
        self._saved: dict[str, Mark] | None = None

    async def load(self) -> dict[str, Mark] | None:
        """Return the marks that were saved, or None."""
        if self._store is None:
            return None
        try:
            saved = await self._store.aget(WATERMARK)
        except ValueError as error:  # one trigger for several assets has no store of its own
            self._log.warning("no watermark is kept: %s", error)
            self._store = None
            return None
        self._saved = None if saved is None else {name: Mark(**mark) for name, mark in saved.items()}
        return self._saved

    async def save(self, marks: Mapping[str, Mark]) -> None:
        """Keep the marks, if they are others than before."""
        if self._store is not None and marks != self._saved:
            self._saved = dict(marks)
            await self._store.aset(WATERMARK, {name: asdict(mark) for name, mark in marks.items()})
