"""Programs for the person on call: the engine, its sources, and which stream table holds everything up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from airflow_provider_pgstream._engines import captures, queries, statements, words
from airflow_provider_pgstream._engines.detect import Installation, not_installed
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Pause, Program, Run
from airflow_provider_pgstream._engines.transactions import in_transaction
from airflow_provider_pgstream._stream_tables import schedules
from airflow_provider_pgstream._stream_tables.lifecycle import leave_error
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.risks import fetch_risks
from airflow_provider_pgstream.exceptions import PgStreamError, RefreshInProgress, SourceLocked
from airflow_provider_pgstream.models import CdcSource, Diagnosis, EngineStatus, StreamTable

GRACE = timedelta(seconds=30)
"""How long after its time a refresh may come: schedulers turn, and other tables take their time."""

RESTARTS_WITHIN = timedelta(seconds=15)
"""A scheduler this young, with tables overdue, is one that dies and is started again."""

TRIAL_LOCK_TIMEOUT = 1.0


def engine_status(installation: Installation) -> Program[EngineStatus]:
    """Return the engine's version and scheduler."""
    reply = yield Run(queries.status(installation.engine))
    if not reply.rows:
        raise not_installed(installation.place, installation.engine)
    return EngineStatus.from_row(reply.rows[0])


def cdc_sources(engine: Engine, names: Sequence[str] | None = None) -> Program[tuple[CdcSource, ...]]:
    """Return the captured sources of some stream tables, or of all."""
    reply = yield Run(captures.cdc_sources(engine), {"names": names})
    rows = ({**row, "stream_tables": tuple(row["stream_tables"])} for row in reply.rows)
    return tuple(map(CdcSource.from_row, rows))


def overdue(tables: Mapping[str, StreamTable]) -> tuple[str, ...]:
    """Return the stream tables that a scheduler should have refreshed by now, by the database's clock."""
    late = []
    for table in tables.values():
        due = None
        if table.status == words.ACTIVE and table.unattended_because is None and table.schedule:
            since = table.data_timestamp or table.created_at or table.seen_at
            due = schedules.next_time(table.schedule, since)
        if due is not None and due + GRACE < table.seen_at:
            late.append(table.name)
    return tuple(late)


def diagnose(installation: Installation) -> Program[Diagnosis]:
    """Examine everything, and refresh in trial what is overdue or failing: the culprit raises its error."""
    status = yield from engine_status(installation)
    tables = yield from fetch(installation.engine)
    sources = yield from cdc_sources(installation.engine)
    late = overdue(tables)
    failing = {}
    for name, table in tables.items():
        if name in late or table.status == words.ERROR or table.consecutive_errors:
            error = yield from trial_refresh(table, installation)
            if error is not None:
                failing[name] = str(error)
    risks = yield from fetch_risks(tables, installation.engine)
    findings = [*scheduler_findings(status, late), *status.advice, *failing.values()]
    findings += [concern for table in tables.values() for concern in table.concerns]
    findings += [source.problem for source in sources if source.problem]
    findings += [risk.sentence for risk in risks]
    findings += [_late(tables[name]) for name in late if name not in failing]
    return Diagnosis(status, late, failing, tuple(dict.fromkeys(findings)))


def trial_refresh(table: StreamTable, installation: Installation) -> Program[PgStreamError | None]:
    """Refresh a stream table in a session of its own, roll it back, and return the error that it raised."""
    yield Pause()
    try:
        yield from in_transaction(
            _trial(table, installation.engine), installation, table.name, end=statements.ROLLBACK
        )
    except (RefreshInProgress, SourceLocked):
        return None
    except PgStreamError as error:
        return error
    return None


def _trial(table: StreamTable, engine: Engine) -> Program[None]:
    yield Run(statements.set_lock_timeout(TRIAL_LOCK_TIMEOUT))
    yield from leave_error(table, engine)
    yield Run(queries.refresh(engine), {"name": table.name})


def scheduler_findings(status: EngineStatus, late: Sequence[str]) -> list[str]:
    """Say what is wrong with the scheduler of this database, a sentence each."""
    if not status.enabled:
        return [
            f"{status.extension}.enabled is off in database '{status.database}': nothing is refreshed on "
            f"schedule; alter system set {status.extension}.enabled = on, and reload"
        ]
    if not status.scheduler_serves or not status.can_see_processes:
        return []
    if status.scheduler_since is None:
        return [
            f"no scheduler is running in database '{status.database}', where one should: "
            "see the server's log, and restart the server"
        ]
    age = status.seen_at - status.scheduler_since
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
