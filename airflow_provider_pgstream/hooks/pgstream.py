"""The hook: a typed method for each thing that the engine offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_pgstream import capture, catalog, health, life_cycle, queries, verification
from airflow_provider_pgstream.capture import Observation
from airflow_provider_pgstream.connection import Target, target
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.hooks.session import Connection, Session
from airflow_provider_pgstream.models import (
    CdcSource,
    Diagnosis,
    EngineStatus,
    HistoryEntry,
    RefreshResult,
    StreamTable,
    Verification,
)
from airflow_provider_pgstream.names import check_names
from airflow_provider_pgstream.program import Program, Run
from airflow_provider_pgstream.refresh_plan import RefreshPlan, RefreshReport
from airflow_provider_pgstream.translation import Place, connection_failed, not_found, translate

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
        self._announced = False

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
        """Return one name or several qualified, without doubles."""
        checked = check_names(names)
        if all("." in name for name in checked):
            return checked
        return self._run(catalog.resolve(checked))

    def get(self, name: str) -> StreamTable:
        """
        Return a stream table as the catalog has it.

        :raises StreamTableNotFound: if there is none.
        """
        qualified = self.resolve(name)
        found = self._run(catalog.look([qualified]))
        if qualified not in found:
            raise not_found(qualified)
        return found[qualified]

    def list(self) -> Sequence[StreamTable]:
        """Return all stream tables of the database."""
        return tuple(self._run(catalog.look()).values())

    def look(self, names: Iterable[str]) -> Mapping[str, StreamTable]:
        """Return those of some stream tables that exist, by qualified name, in one query."""
        return self._run(catalog.look(self.resolve_all(names)))

    def in_dependency_order(
        self, names: str | Iterable[str], include_upstream: bool = False
    ) -> Sequence[str]:
        """Return names so that each comes after the stream tables that it reads."""
        resolved = self.resolve_all(names)
        tables = self._run(catalog.look())
        return catalog.in_dependency_order(resolved, tables, include_upstream=include_upstream)

    def staleness(self, name: str) -> float | None:
        """Return the seconds since the moment as of which the data is right; None while unpopulated."""
        return self.get(name).staleness

    def history(self, name: str, max_rows: int = 20) -> Sequence[HistoryEntry]:
        """Return the scheduler's last refreshes, the latest first; manual ones leave no trace."""
        table = self.get(name)
        rows = self._run(_rows(Run(queries.HISTORY, {"name": table.name, "max_rows": max_rows})))
        return tuple(map(HistoryEntry.from_row, rows))

    def explain(self, name: str) -> dict[str, str]:
        """
        Return the engine's account of how it refreshes a stream table.

        :raises PgStreamError: if the engine cannot say.
        """
        table = self.get(name)
        rows = self._run(_rows(Run(queries.EXPLAIN, {"name": table.name})))
        found = {row["property"]: row["value"] for row in rows}
        if "error" in found:
            raise PgStreamError(f"stream table {table.name} cannot be explained: {found['error']}")
        return found

    def cdc_health(self, names: str | Iterable[str] | None = None) -> Sequence[CdcSource]:
        """Return the sources of some stream tables, or of all, and whether their changes are captured."""
        resolved = None if names is None else self.resolve_all(names)
        return self._run(health.cdc_sources(resolved))

    def status(self) -> EngineStatus:
        """Return the engine's version, and whether a scheduler serves this database."""
        return self._run(health.engine_status(self.target.place))

    def observe(self) -> Observation:
        """Return everything that change capture in this database depends on, to be judged."""
        return self._run(capture.observe())

    def diagnose(self) -> Diagnosis:
        """Find what is wrong: the scheduler, overdue tables, and by trial refreshes the one that fails."""
        return self._run(health.diagnose(self.target.place))

    # ---- changing

    def refresh(
        self,
        name: str,
        *,
        full: bool = False,
        lock_sources: bool = True,
        lock_timeout: float = 10.0,
        on_suspended: str = "fail",
    ) -> RefreshResult:
        """
        Refresh a stream table safely: in a session and a transaction of its own, its sources locked.

        :param full: in FULL mode, once: repairs a DIFFERENTIAL table.
        :param lock_sources: lock the sources of a DIFFERENTIAL table. Without it rows can be lost.
        :param lock_timeout: seconds to try for the locks.
        :param on_suspended: what to do with a paused table: ``fail``, ``skip``, or ``resume`` it.
        :raises RefreshInProgress: if another session refreshes it.
        :raises SourceLocked: if a lock is not had in time.
        """
        plan = RefreshPlan(
            [name],
            full=full,
            lock_sources=lock_sources,
            lock_timeout=lock_timeout,
            on_suspended=on_suspended,
            on_busy="fail",
        )
        report = self.refresh_all(plan)
        report.raise_errors()
        return next(iter(report.results.values()))

    def refresh_all(self, plan: RefreshPlan) -> RefreshReport:
        """Refresh several stream tables, one transaction each; single ones' errors are in the report."""
        return self._run(plan.program(self.target.place, self._announce), check=False)

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
    ) -> RefreshResult:
        """
        Create a stream table.

        :param query: one SELECT, its tables qualified.
        :param schedule: a duration, a cron expression, or None for CALCULATED.
        :param initialize: populate it now; else nothing does before a refresh.
        :param status: the status to give it, ``PAUSED`` included.
        :param if_exists: ``fail``, ``skip``, or ``replace``: alter it, or create it anew, where it differs.
        :param lock_timeout: seconds to wait for the writers of the sources.
        """
        wish = life_cycle.Wish(query, schedule, refresh_mode, initialize, status, if_exists, lock_timeout)
        return self._run(life_cycle.create(self.resolve(name), wish, self.target.place))

    def alter(
        self,
        name: str,
        *,
        schedule: str | None = None,
        refresh_mode: str | None = None,
        status: str | None = None,
    ) -> RefreshResult:
        """Change what is given, and leave alone what is None."""
        return self._run(
            life_cycle.alter(self.resolve(name), schedule, refresh_mode, status, self.target.place)
        )

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
        return self._run(life_cycle.drop(self.resolve(name), if_exists, cascade, self.target.place))

    def verify(self, name: str, limit: int = 10, float_tolerance: float = 1e-9) -> Verification:
        """
        Refresh a stream table, compare it with its query, and roll all of it back.

        :param limit: how many example rows to return, of each kind.
        :param float_tolerance: relative difference up to which floats are equal.
        """
        qualified = self.resolve(name)
        return self._run(verification.verify(qualified, limit, float_tolerance, self.target.place))

    def trim(self, names: str | Iterable[str] | None = None) -> Mapping[str, int]:
        """Delete from the change buffers what every stream table has read; returns buffer → rows deleted."""
        resolved = None if names is None else self.resolve_all(names)
        return self._run(life_cycle.trim(resolved))

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
        self._run(catalog.check_engine(self.target.place, self._announce), check=False)

    def cancel(self) -> None:
        """End the statement that is running, as a kill of the task wants it."""
        if self._session is not None:
            self._session.cancel()

    def _run(self, program: Program[T], *, check: bool = True) -> T:
        place = self.target.place
        if check:
            program = _checked(program, place, self._announce)
        self._session = Session(self._connector(), self.log)
        try:
            return self._session.drive(program)
        except psycopg.Error as error:
            raise translate(error, place=place) from None
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


def _checked(program: Program[T], place: Place, announce: Callable[[str], None]) -> Program[T]:
    yield from catalog.check_engine(place, announce)
    return (yield from program)


def _rows(run: Run) -> Program[Sequence[Mapping[str, Any]]]:
    reply = yield run
    return reply.rows
