"""Programs for the person on call: the engine, its sources, and which stream table holds everything up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from airflow_provider_pgstream import engine, queries, schedules
from airflow_provider_pgstream.catalog import look
from airflow_provider_pgstream.exceptions import PgStreamError, RefreshInProgress, SourceLocked
from airflow_provider_pgstream.models import CdcSource, Diagnosis, EngineStatus, StreamTable
from airflow_provider_pgstream.program import Pause, Program, Run
from airflow_provider_pgstream.transaction import in_transaction
from airflow_provider_pgstream.translation import Place, not_installed

GRACE = timedelta(seconds=30)
"""How long after its time a refresh may come: schedulers turn, and other tables take their time."""

RESTARTS_WITHIN = timedelta(seconds=15)
"""A scheduler this young, with tables overdue, is one that dies and is started again."""

TRIAL_LOCK_TIMEOUT = 1.0


def engine_status(place: Place) -> Program[EngineStatus]:
    """Return the engine's version and scheduler."""
    reply = yield Run(queries.ENGINE_STATUS)
    if not reply.rows:
        raise not_installed(place)
    return EngineStatus.from_row(reply.rows[0])


def cdc_sources(names: Sequence[str] | None = None) -> Program[tuple[CdcSource, ...]]:
    """Return the captured sources of some stream tables, or of all."""
    reply = yield Run(queries.CDC_SOURCES, {"names": names})
    rows = ({**row, "stream_tables": tuple(row["stream_tables"])} for row in reply.rows)
    return tuple(map(CdcSource.from_row, rows))


def overdue(tables: Mapping[str, StreamTable], now: datetime | None = None) -> tuple[str, ...]:
    """Return the stream tables that a scheduler should have refreshed by now."""
    now = now or datetime.now(UTC)
    late = []
    for table in tables.values():
        due = None
        if table.status == engine.ACTIVE and table.unattended_because is None and table.schedule:
            due = schedules.next_time(table.schedule, table.data_timestamp or table.created_at or now)
        if due is not None and due + GRACE < now:
            late.append(table.name)
    return tuple(late)


def diagnose(place: Place) -> Program[Diagnosis]:
    """Look at everything, and refresh in trial what is overdue or failing: the culprit raises its error."""
    status = yield from engine_status(place)
    tables = yield from look()
    sources = yield from cdc_sources()
    late = overdue(tables)
    failing = {}
    for name, table in tables.items():
        if name in late or table.status == engine.ERROR or table.consecutive_errors:
            error = yield from trial_refresh(name, place)
            if error is not None:
                failing[name] = str(error)
    findings = [*scheduler_findings(status, late), *failing.values()]
    findings += [concern for table in tables.values() for concern in table.concerns]
    findings += [source.problem for source in sources if source.problem]
    findings += [_late(tables[name]) for name in late if name not in failing]
    return Diagnosis(status, late, failing, tuple(dict.fromkeys(findings)))


def trial_refresh(name: str, place: Place) -> Program[PgStreamError | None]:
    """Refresh a stream table in a session of its own, roll it back, and return the error that it raised."""
    yield Pause()
    try:
        yield from in_transaction(_trial(name), name=name, place=place, end=queries.ROLLBACK)
    except (RefreshInProgress, SourceLocked):
        return None
    except PgStreamError as error:
        return error
    return None


def _trial(name: str) -> Program[None]:
    yield Run(queries.set_lock_timeout(TRIAL_LOCK_TIMEOUT))
    yield Run(queries.REFRESH, {"name": name})


def scheduler_findings(status: EngineStatus, late: Sequence[str]) -> list[str]:
    if not status.enabled:
        return [
            f"{engine.EXTENSION}.enabled is off in database '{status.database}': nothing is refreshed on "
            f"schedule; alter system set {engine.EXTENSION}.enabled = on, and reload"
        ]
    if not status.scheduler_serves or not status.can_see_processes:
        return []
    if status.scheduler_since is None:
        return [
            f"no scheduler is running in database '{status.database}', where one should: "
            "see the server's log, and restart the server"
        ]
    age = datetime.now(UTC) - status.scheduler_since
    if late and age < RESTARTS_WITHIN:
        return [
            f"the scheduler of database '{status.database}' started {age.total_seconds():.0f} s ago and "
            "tables are overdue: it dies and is started again; a stream table whose refresh fails does that"
        ]
    return []


def _late(table: StreamTable) -> str:
    as_of = table.data_timestamp
    data = f"data as of {as_of:%Y-%m-%d %H:%M:%S%z}" if as_of else "never populated"
    return (
        f"stream table {table.name} is overdue (schedule {table.schedule}, {data}): "
        "nothing is wrong with its own refresh; look at the scheduler, and at the tables named here"
    )
