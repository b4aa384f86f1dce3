"""The hook: a typed method for each thing that the engine offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_pgstream._arguments import takes
from airflow_provider_pgstream._engines import queries
from airflow_provider_pgstream._engines.connections import Target, target
from airflow_provider_pgstream._engines.detect import Installation, detect, unknown
from airflow_provider_pgstream._engines.errors import connection_failed, not_found, translate
from airflow_provider_pgstream._engines.names import check_names
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables import (
    capture,
    create,
    engine_checks,
    health,
    lifecycle,
    lookup,
    source_calls,
)
from airflow_provider_pgstream._stream_tables.capture import Observation
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream._stream_tables.report import Report
from airflow_provider_pgstream._stream_tables.settings import Settings
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream._stream_tables.verify import VerifyOptions, verify
from airflow_provider_pgstream._stream_tables.verify_plan import VerifyPlan, VerifyReport
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.hooks._session import Connection, Session
from airflow_provider_pgstream.models import (
    CdcSource,
    Diagnosis,
    EngineStatus,
    HealthCheck,
    HistoryEntry,
    RefreshResult,
    StreamTable,
    Verification,
    WatermarkGroup,
)

__all__ = [
    "PgStreamHook",
]

T = TypeVar("T")


class PgStreamHook(PostgresHook):
    """
    Work with the stream tables of one database.

    Every call opens a session of its own, straight to the server, and closes it: nothing is held afterwards,
    whether it succeeded or not. Names are ``schema.table``, or ``table`` for one in the session's
    ``current_schema()``.

    :param postgres_conn_id: a connection of type ``postgres`` or ``pgstream``.
    :param database: a database other than the connection's.
    :param options: command-line options for the server session.
    """

    conn_name_attr = "postgres_conn_id"
    default_conn_name = "postgres_default"
    conn_type = "pgstream"
    hook_name = "pg_stream"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session: Session | None = None
        self._is_cancelled = False
        self._announced = False
        self._installation: Installation | None = None

    # SQLExecuteQueryOperator(database=…) sets `schema` where the connection's type is not `postgres`.
    @property
    def schema(self) -> str | None:
        """The database, under the name that common-sql knows."""
        return self.database

    @schema.setter
    def schema(self, value: str | None) -> None:
        self.database = value

    # ---- reading

    def resolve(self, name: str) -> str:
        """
        Return a name qualified.

        :raises InvalidStreamTable: before any SQL, if the engine cannot hold it.
        """
        return self.resolve_all(name)[0]

    def resolve_all(self, names: str | Iterable[str]) -> list[str]:
        """Return one name or several qualified, without duplicates."""
        checked = check_names(names)
        if all("." in name for name in checked):
            return checked
        return self._drive(lookup.resolve(checked))

    def get(self, name: str) -> StreamTable:
        """
        Return a stream table as the catalog has it.

        :raises StreamTableNotFound: if there is none.
        """
        qualified = self.resolve(name)
        found = self._run(lambda at: lookup.fetch(at.engine, [qualified]))
        if qualified not in found:
            raise not_found(qualified)
        return found[qualified]

    def list(self) -> Sequence[StreamTable]:
        """Return all stream tables of the database."""
        return tuple(self._run(lambda at: lookup.fetch(at.engine)).values())

    def look(self, names: Iterable[str]) -> Mapping[str, StreamTable]:
        """Return those of some stream tables that exist, by qualified name, in one query."""
        resolved = self.resolve_all(names)
        return self._run(lambda at: lookup.fetch(at.engine, resolved))

    def in_dependency_order(
        self, names: str | Iterable[str], include_upstream: bool = False
    ) -> Sequence[str]:
        """Return names so that each comes after the stream tables that it reads."""
        resolved = self.resolve_all(names)
        tables = self._run(lambda at: lookup.fetch(at.engine))
        return lookup.in_dependency_order(resolved, tables, include_upstream=include_upstream)

    def staleness(self, name: str) -> float | None:
        """Return the seconds since the moment as of which the data is right; None while unpopulated."""
        return self.get(name).staleness

    def history(self, name: str, max_rows: int = 20) -> Sequence[HistoryEntry]:
        """Return the scheduler's last refreshes, the latest first; manual ones leave no trace."""
        table = self.get(name)
        values = {"name": table.name, "max_rows": max_rows}
        rows = self._run(lambda at: _rows(Run(queries.history(at.engine), values)))
        return tuple(map(HistoryEntry.from_row, rows))

    def explain(self, name: str) -> dict[str, str]:
        """
        Return the engine's account of how it refreshes a stream table.

        :raises PgStreamError: if the engine cannot say.
        """
        table = self.get(name)
        rows = self._run(lambda at: _rows(Run(queries.explain(at.engine), {"name": table.name})))
        found = {row["property"]: row["value"] for row in rows}
        if "error" in found:
            raise PgStreamError(f"stream table {table.name} cannot be explained: {found['error']}")
        return found

    def cdc_health(self, names: str | Iterable[str] | None = None) -> Sequence[CdcSource]:
        """Return the sources of some stream tables, or of all, and whether their changes are captured."""
        resolved = None if names is None else self.resolve_all(names)
        return self._run(lambda at: health.cdc_sources(at.engine, resolved))

    def status(self) -> EngineStatus:
        """Return the engine's version, and whether a scheduler serves this database."""
        return self._run(health.engine_status)

    def observe(self) -> Observation:
        """Return everything that change capture in this database depends on, to be judged."""
        return self._run(lambda at: capture.observe(at.engine))

    def health_checks(self) -> Sequence[HealthCheck]:
        """
        Return what the engine's own checks say.

        :raises EngineNotSupported: if it has none.
        """
        return self._run(lambda at: engine_checks.health_checks(at.engine))

    def watermark_groups(self) -> Sequence[WatermarkGroup]:
        """
        Return the groups of sources that are loaded together, and how level they are.

        :raises EngineNotSupported: if the engine has none.
        """
        return self._run(lambda at: engine_checks.watermark_groups(at.engine))

    def diagnose(self) -> Diagnosis:
        """Find what is wrong: the scheduler, overdue tables, and by trial refreshes the one that fails."""
        return self._run(health.diagnose)

    # ---- changing

    @takes(RefreshOptions, without=("include_upstream",), on_busy="fail")
    def refresh(self, name: str, **options: Any) -> RefreshResult:
        """
        Refresh a stream table: in a session and a transaction of its own, its sources locked.

        :param options: as :class:`PgStreamRefreshOperator` takes them, but for ``include_upstream``;
            ``on_busy`` is ``"fail"`` unless another is given.
        :raises RefreshInProgress: if another session refreshes it.
        :raises SourceLocked: if a lock does not come in time.
        """
        report = self.refresh_all(RefreshPlan([name], **{"on_busy": "fail", **options}))
        report.raise_errors()
        return next(iter(report.results.values()))

    def refresh_all(self, plan: RefreshPlan) -> Report:
        """Refresh several stream tables, one transaction each; single ones' errors are in the report."""
        return self._drive(plan.program(self.target.place, self._announce))

    @takes(Settings)
    def create(
        self,
        name: str,
        query: str,
        *,
        schedule: str | None = "1m",
        refresh_mode: str = "DIFFERENTIAL",
        initialize: bool = True,
        status: str | None = None,
        if_exists: str = "fail",
        lock_timeout: float = 10.0,
        **settings: Any,
    ) -> RefreshResult:
        """
        Create a stream table.

        :param query: one SELECT, its tables qualified.
        :param schedule: a duration, a cron expression, ``calculated``, or None: only a refresh from outside
            drives it.
        :param initialize: populate it now; else nothing does before a refresh.
        :param status: the status to give it, ``PAUSED`` included.
        :param if_exists: ``fail``, ``skip``, or ``replace``: alter it, or recreate it, where it differs.
        :param lock_timeout: seconds to wait for the writers of the sources.
        :param settings: what only some engines have, as :class:`PgStreamCreateOperator` takes it.
        """
        chosen = Settings(**settings)
        spec = Spec(query, schedule, refresh_mode, initialize, status, if_exists, lock_timeout, chosen)
        qualified = self.resolve(name)
        return self._run(lambda at: create.create(qualified, spec, at))

    @takes(Settings)
    def alter(
        self,
        name: str,
        *,
        schedule: str | None = None,
        refresh_mode: str | None = None,
        status: str | None = None,
        **settings: Any,
    ) -> RefreshResult:
        """
        Change what is given, and leave alone what is None.

        :param settings: what only some engines have, as :class:`PgStreamAlterOperator` takes it.
        """
        qualified, chosen = self.resolve(name), Settings(**settings)
        return self._run(lambda at: lifecycle.alter(qualified, schedule, refresh_mode, status, chosen, at))

    def pause(self, name: str) -> RefreshResult:
        """Keep a stream table from being refreshed."""
        return self.alter(name, status="SUSPENDED")

    def resume(self, name: str) -> RefreshResult:
        """Let a paused stream table, or one in ERROR, be refreshed again."""
        return self.alter(name, status="ACTIVE")

    def drop(self, name: str, if_exists: bool = True, cascade: bool = False) -> RefreshResult:
        """
        Drop a stream table.

        :param if_exists: skip one that does not exist, instead of raising.
        :param cascade: drop the views and stream tables that read it, too, instead of raising.
        :raises DependentObjectsExist: naming them.
        """
        qualified = self.resolve(name)
        return self._run(lambda at: lifecycle.drop(qualified, if_exists, cascade, at))

    @takes(VerifyOptions, without=("on_difference",))
    def verify(self, name: str, **options: Any) -> Verification:
        """
        Compare a stream table with its query in one snapshot, and change nothing.

        What its readers see is compared, or where changes are pending, what a refresh makes of them, which is
        rolled back: the result's ``compared`` says which.

        :param options: as :class:`PgStreamVerifyOperator` takes them, but for ``on_difference``.
        :raises StreamTableFailed: if it was never populated.
        """
        qualified = self.resolve(name)
        return self._run(lambda at: verify(qualified, VerifyOptions(**options), at))

    def verify_all(self, plan: VerifyPlan) -> VerifyReport:
        """Verify several stream tables, and do what the plan says where one differs."""
        return self._drive(plan.program(self.target.place, self._announce))

    def trim(self, names: str | Iterable[str] | None = None) -> Mapping[str, int]:
        """Delete from the change buffers what every stream table has read; returns buffer → rows deleted."""
        resolved = None if names is None else self.resolve_all(names)
        return self._run(lambda at: lifecycle.trim(at.engine, resolved))

    # ---- sources

    def gate_source(self, source: str) -> None:
        """
        Keep the engine's scheduler from refreshing what reads a table, ``schema.table``.

        :raises EngineNotSupported: if the engine cannot.
        """
        self._run(lambda at: source_calls.gate(source, at))

    def ungate_source(self, source: str) -> None:
        """Let the engine's scheduler refresh what reads a table again."""
        self._run(lambda at: source_calls.ungate(source, at))

    def advance_watermark(self, source: str, watermark: datetime) -> None:
        """Say up to which moment a table has been loaded; never before the last one."""
        self._run(lambda at: source_calls.advance_watermark(source, watermark, at))

    # ---- connection

    def test_connection(self) -> tuple[bool, str]:  # type: ignore[override]
        """Return whether the engine is there, and a sentence about it, for the Test button."""
        try:
            return True, self.status().sentence
        except PgStreamError as error:
            return False, str(error)

    @property
    def target(self) -> Target:
        """Where the hook connects to."""
        conn = self.connection
        login, password, port = conn.login, conn.password, conn.port
        extra = conn.extra_dejson
        if extra.get("iam", False):
            login, password, port = self.get_iam_token(conn)
        return target(
            self.get_conn_id(),
            host=conn.host,
            port=port,
            login=login,
            password=password,
            database=self.database or conn.schema,
            extra=extra,
            options=self.options,
        )

    def announce(self) -> None:
        """Make sure that the engine is there, and say in the log if it is the emulator."""
        self._installation = self._drive(detect(self.target.place, self._announce))

    def cancel(self) -> None:
        """End the statement that is running, and begin nothing more, as a kill of the task wants it."""
        self._is_cancelled = True
        if self._session is not None:
            self._session.cancel()

    def _run(self, work: Callable[[Installation], Program[T]]) -> T:
        """Run a program that needs to know the engine, which is detected once per hook."""

        def program() -> Program[T]:
            if self._installation is None:
                self._installation = yield from detect(self.target.place, self._announce)
            return (yield from work(self._installation))

        return self._drive(program())

    def _drive(self, program: Program[T]) -> T:
        self._session = Session(self._connector(), self.log, is_cancelled=self._is_cancelled)
        try:
            return self._session.drive(program)
        except psycopg.Error as error:
            installation = self._installation or unknown(self.target.place)
            raise translate(error, installation) from None
        finally:
            self._session = None

    def _announce(self, sentence: str) -> None:
        if not self._announced:
            self.log.warning("%s", sentence)
        self._announced = True

    def _connector(self) -> Callable[[], Connection]:
        goal = self.target

        def connect() -> Connection:
            try:
                return psycopg.Connection.connect(**goal.arguments)
            except psycopg.Error as error:
                # Without the cause: libpq's text may hold the conninfo.
                raise connection_failed(error, goal.place, goal.password) from None

        return connect


def _rows(run: Run) -> Program[Sequence[Mapping[str, Any]]]:
    reply = yield run
    return reply.rows
