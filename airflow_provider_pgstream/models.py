"""The rows that the hook returns, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Self

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.engine import EMULATOR_SUFFIX

__all__ = [
    "Source",
    "StreamTable",
    "RefreshResult",
    "Verification",
    "HistoryEntry",
    "CdcSource",
    "EngineStatus",
    "Diagnosis",
    "HealthCheck",
    "WatermarkGroup",
]


class Row:
    """What all models share: they are made from a row whose columns have their fields' names."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make one from a row, leaving other columns aside."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them: times in ISO 8601, UTC."""
        return {key: _jsonable(value) for key, value in asdict(self).items()}  # type: ignore[call-overload]


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return value


@dataclass(frozen=True)
class Source(Row):
    """
    Something that a stream table's query reads.

    :param oid: the relation's oid, as the engine noted it.
    :param schema: its schema; None if the relation is gone.
    :param table: its name; None if the relation is gone.
    :param kind: the engine's word: TABLE, STREAM_TABLE, VIEW, MATVIEW, FOREIGN_TABLE.
    """

    oid: int
    schema: str | None
    table: str | None
    kind: str

    @property
    def name(self) -> str | None:
        """``schema.table``; None if the relation is gone."""
        return f"{self.schema}.{self.table}" if self.table is not None else None


@dataclass(frozen=True)
class StreamTable(Row):
    """
    A stream table, as the engine's catalog has it at this moment.

    :param storage_oid: the oid of the table that holds its rows.
    :param name: ``schema.table``.
    :param schedule: a duration, a cron expression, or ``calculated``: after what it reads; None for a table
        that nothing but a manual refresh drives.
    :param data_timestamp: the moment as of which the data is right.
    :param staleness: seconds since ``data_timestamp``; None while unpopulated.
    :param query: the text that the user gave.
    :param unscheduled: why the scheduler does not refresh it; None if it does.
    :param scheduler_serves: whether the engine's scheduler serves this database, and is enabled.
    :param detached: whether the table that holds its rows is gone.
    :param seen_at: when the catalog was read, by the database's clock.
    :param last_error: what made its last scheduled refresh fail, where the engine notes it.
    :param is_external: whether only the engine's refresh of a whole graph refreshes it.
    """

    pgs_id: int
    storage_oid: int
    name: str
    status: str
    refresh_mode: str
    is_populated: bool
    schedule: str | None
    data_timestamp: datetime | None
    last_refresh_at: datetime | None
    staleness: float | None
    consecutive_errors: int
    needs_reinit: bool
    query: str
    sources: tuple[Source, ...]
    functions_used: tuple[str, ...]
    created_at: datetime | None
    unscheduled: str | None
    scheduler_serves: bool
    detached: bool
    seen_at: datetime
    last_error: str | None = None
    is_external: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make one from a row of the query of stream tables."""
        sources = tuple(Source.from_row(source) for source in row["sources"] or ())
        return super().from_row(
            {**row, "sources": sources, "functions_used": tuple(row["functions_used"] or ())}
        )

    @property
    def is_paused(self) -> bool:
        """Whether it is SUSPENDED."""
        return self.status == words.SUSPENDED

    @property
    def upstream(self) -> tuple[str, ...]:
        """The stream tables that it reads."""
        return tuple(s.name for s in self.sources if s.kind == words.SOURCE_STREAM_TABLE and s.name)

    @property
    def vanished_sources(self) -> tuple[int, ...]:
        """The oids of sources that are gone, or were dropped and recreated under another oid."""
        return tuple(source.oid for source in self.sources if source.name is None)

    @property
    def unattended_because(self) -> str | None:
        """Why nothing will refresh it by itself; None if something will."""
        if not self.scheduler_serves:
            return "no scheduler serves this database"
        if self.is_paused:
            return "it is SUSPENDED (paused)"
        if self.status == words.ERROR:
            return "it is in ERROR"
        if not self.is_populated and self.status != words.ACTIVE:
            return f"it was never populated and is {self.status}"
        if self.unscheduled is not None:
            return f"it {self.unscheduled}"
        return None

    @property
    def concerns(self) -> tuple[str, ...]:
        """What a person should know before trusting it, a sentence each."""
        found = []
        if self.vanished_sources:
            oids = ", ".join(map(str, self.vanished_sources))
            found.append(
                f"stream table {self.name} reads a table that was dropped or recreated (oid {oids}): "
                "drop the stream table and create it again"
            )
        if self.detached:
            found.append(
                f"the table of stream table {self.name} is gone: drop the stream table and create it again"
            )
        if self.status == words.ERROR and self.last_error:
            found.append(
                f"stream table {self.name} is in ERROR, since a refresh of the scheduler failed: "
                f"{self.last_error}"
            )
        if self.needs_reinit:
            found.append(f"a source of stream table {self.name} changed its columns: it needs a full refresh")
        return tuple(found)


@dataclass(frozen=True)
class RefreshResult(Row):
    """
    What became of one stream table.

    :param outcome: refreshed, skipped, failed, planned, created, replaced, altered, unchanged, dropped,
        verified, different or repaired.
    :param action: FULL or DIFFERENTIAL; None if nothing was refreshed.
    :param rows_inserted: the engine's word, not to be decided on; None if it gave none.
    :param rows_deleted: likewise.
    :param seconds: how long it took, waiting for locks included.
    :param data_timestamp: the moment as of which the data is right.
    :param reason: why it was skipped, or another remark.
    :param locked_seconds: for how long writers of the sources were kept out.
    :param boundary: the WAL position as of which the rows are right; None where no source had to be locked.
    """

    outcome: str
    action: str | None = None
    rows_inserted: int | None = None
    rows_deleted: int | None = None
    seconds: float = 0.0
    data_timestamp: datetime | None = None
    reason: str | None = None
    locked_seconds: float | None = None
    boundary: str | None = None


AS_IS = "as is"
AFTER_REFRESH = "after a refresh"


@dataclass(frozen=True)
class Verification(Row):
    """
    The comparison of a stream table with its query, in one snapshot.

    :param missing: rows that the query returns and the table lacks, duplicates counted.
    :param surplus: rows that the table has and the query does not return, duplicates counted.
    :param missing_examples: some of the missing rows, as the text of JSON objects.
    :param surplus_examples: some of the surplus rows, likewise.
    :param compared: which rows of the table: ``as is``, those that readers see, or ``after a refresh`` of its
        pending changes, which was rolled back.
    :param action: what that trial refresh did: FULL or DIFFERENTIAL; None if there was none.
    :param may_be_lag: whether the difference may be due to changes that the table has not read yet.
    :param warnings: what makes the comparison less than certain.
    :param seconds: how long it took.
    """

    name: str
    missing: int
    surplus: int
    missing_examples: tuple[str, ...] = ()
    surplus_examples: tuple[str, ...] = ()
    compared: str = AS_IS
    action: str | None = None
    may_be_lag: bool = False
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def refreshed(self) -> bool:
        """Whether it was refreshed (and rolled back) before it was compared."""
        return self.compared != AS_IS

    @property
    def equal(self) -> bool:
        """Whether no row differs."""
        return not (self.missing or self.surplus)

    @property
    def outcome(self) -> str:
        """``verified``, ``different``, or ``lagging``: it differs, which may be lag."""
        if self.equal:
            return "verified"
        return "lagging" if self.may_be_lag else "different"


@dataclass(frozen=True)
class HistoryEntry(Row):
    """A refresh that left a row: on some engines only those that the scheduler made."""

    refresh_id: int
    action: str
    status: str
    rows_inserted: int | None
    rows_deleted: int | None
    data_timestamp: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    duration_ms: float | None
    error_message: str | None


@dataclass(frozen=True)
class CdcSource(Row):
    """
    A table whose changes are captured.

    :param name: ``schema.table``; None if it is gone, or was recreated under another oid.
    :param cdc_mode: TRIGGER, TRANSITIONING or WAL.
    :param lag_bytes: WAL not yet decoded; None for trigger capture.
    :param alert: the engine's own alert.
    :param capture: ``ok``, ``missing`` or ``disabled`` (the change trigger), or ``slot missing``.
    :param stream_tables: the stream tables that read it.
    """

    oid: int
    name: str | None
    cdc_mode: str
    slot_name: str | None
    lag_bytes: int | None
    alert: str | None
    capture: str
    stream_tables: tuple[str, ...]

    @property
    def problem(self) -> str | None:
        """What is wrong with it, in a sentence, or None."""
        readers = ", ".join(self.stream_tables)
        if self.name is None:
            gone = f"a source (oid {self.oid}) of {readers} was dropped or recreated"
            return f"{gone}: drop and create {readers} again"
        if self.capture != "ok":
            what = (
                "slot is missing" if self.capture == "slot missing" else f"change trigger is {self.capture}"
            )
            return f"changes of {self.name} are not captured: its {what}; {readers} miss them"
        return f"{self.name}: {self.alert}" if self.alert else None


@dataclass(frozen=True)
class EngineStatus(Row):
    """
    The engine in one database.

    :param is_served: whether this database is one that the engine's scheduler serves, enabled or not.
    :param scheduler_serves: whether it is served, and the scheduler is enabled.
    :param scheduler_since: when that scheduler's process started; None if there is none, or it is not seen.
    :param can_see_processes: whether this role may see what other sessions are: if not, a missing scheduler
        cannot be told from one that is not to be seen.
    :param seen_at: when all this was read, by the database's clock.
    :param unsafe_settings: what a superuser has to set lest rows be lost, a sentence each.
    """

    extension: str
    version: str
    postgres_version: str
    database: str
    enabled: bool
    is_served: bool
    scheduler_serves: bool
    scheduler_since: datetime | None
    can_see_processes: bool
    seen_at: datetime
    unsafe_settings: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make one from a row of the query of the engine's status."""
        return super().from_row({**row, "unsafe_settings": tuple(row["unsafe_settings"])})

    @property
    def is_emulator(self) -> bool:
        """Whether this is the emulator."""
        return self.version.endswith(EMULATOR_SUFFIX)

    @property
    def sentence(self) -> str:
        """The engine, its version and its scheduler, as a Test button or a log's first line says it."""
        name = f"{self.extension} {self.version} on PostgreSQL {self.postgres_version}"
        if self.is_emulator:
            name = f"the EMULATOR of {name}, for trying and testing only"
        return "; ".join([f"{name}; {self._scheduler}", *self.advice])

    @property
    def advice(self) -> tuple[str, ...]:
        """What a superuser has to set, a sentence each."""
        return tuple(f"a superuser has to run alter system set {setting}" for setting in self.unsafe_settings)

    @property
    def _scheduler(self) -> str:
        if not self.scheduler_serves:
            return f"no scheduler serves database '{self.database}': refresh from Airflow"
        if self.scheduler_since is None and self.can_see_processes:
            return f"database '{self.database}' should have a scheduler, but none is running"
        return f"a scheduler serves database '{self.database}'"


@dataclass(frozen=True)
class Diagnosis(Row):
    """
    What is wrong in a database, for the person on call.

    :param overdue: stream tables that their schedule should have refreshed by now.
    :param failing: stream table → the error that a trial refresh raised.
    :param findings: everything found, a sentence each; empty if all is well.
    """

    status: EngineStatus
    overdue: tuple[str, ...]
    failing: Mapping[str, str]
    findings: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True)
class HealthCheck(Row):
    """
    What one of the engine's own checks says.

    :param severity: ``OK``, ``WARN`` or ``ERROR``.
    """

    name: str
    severity: str
    detail: str

    @property
    def sentence(self) -> str:
        """The check and what it says."""
        return f"{self.name} is at {self.severity}: {self.detail}"


@dataclass(frozen=True)
class WatermarkGroup(Row):
    """
    Sources that are loaded together, and how far each of them is.

    :param aligned: whether those that have a watermark are within the tolerance of one another.
    :param lag_seconds: how far they are apart; None, or 0, where none has a watermark.
    """

    name: str
    aligned: bool | None
    lag_seconds: float | None
    tolerance_seconds: float
    min_watermark: datetime | None
    max_watermark: datetime | None
    sources_with_watermark: int
    sources_total: int
