"""The scratch schema: copies of what is behind a query, and the stream table that is tried on them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import psycopg

from airflow_provider_pgstream._engines import scratch, statements, words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.errors import translate
from airflow_provider_pgstream._engines.programs import Gather, Program, Run
from airflow_provider_pgstream._engines.transactions import in_transaction
from airflow_provider_pgstream._query_check.changes import Rows
from airflow_provider_pgstream._query_check.names import Name, Query, quoted
from airflow_provider_pgstream._query_check.shapes import Behind, Derived, Relation, Table
from airflow_provider_pgstream._stream_tables import comparison
from airflow_provider_pgstream._stream_tables.comparison import Column as ComparedColumn
from airflow_provider_pgstream._stream_tables.comparison import Comparison
from airflow_provider_pgstream._stream_tables.create import create
from airflow_provider_pgstream._stream_tables.lifecycle import drop_table, lock_creation
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.refresh import refresh
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.models import StreamTable

TOLERANCE = 1e-9

REFRESH = RefreshOptions(trust="engine")
"""What is tried is not known yet."""


class Refused(Exception):
    """The query itself fails on the rows that it was to be given; the text says how."""


class Upstream(Exception):
    """A stream table that the query reads goes wrong by itself; the text says which, and how."""


@dataclass(frozen=True)
class Difference:
    """How many rows of the stream table differ from its query, and some of each kind."""

    surplus: int
    missing: int
    examples: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.surplus or self.missing)


EQUAL = Difference(0, 0)


class Scratch:
    """
    Copies of what is behind a query.

    :param query: the query.
    :param refresh_mode: the mode in which it is tried.
    :param name: of the first of its schemas, one for each schema that something is copied from.
    """

    def __init__(
        self,
        query: Query,
        refresh_mode: str,
        behind: Behind,
        installation: Installation,
        name: str | None = None,
    ) -> None:
        self.query = query
        self.refresh_mode = refresh_mode
        self.behind = behind
        self.installation = installation
        self.name = name or scratch.PREFIX + secrets.token_hex(4)
        self._comparison: Comparison | None = None
        self._pgs_ids: list[int] = []

    @cached_property
    def schemas(self) -> Mapping[str, str]:
        """The scratch schema of each schema that something is copied from."""
        return {
            schema: self.name if number == 0 else f"{self.name}_{number}"
            for number, schema in enumerate(self.behind.schemas)
        }

    @property
    def subject(self) -> str:
        """The stream table that is tried."""
        return f"{self.name}.{scratch.SUBJECT}"

    @cached_property
    def tables(self) -> Mapping[int, str]:
        """The names of the copied tables, as SQL writes them, by the oids of their originals."""
        return {table.oid: self.copy_of(table) for table in self.behind.tables}

    def copy_of(self, relation: Relation) -> str:
        """Return the name of a copy, as SQL writes it."""
        return f"{quoted(self.schemas[relation.schema])}.{quoted(relation.name)}"

    def moved(self, query: Query) -> str:
        """Return a query on the copies."""

        def copy(name: Name) -> str | None:
            relation = self.behind.names.get(name)
            return None if relation is None else self.copy_of(relation)

        return query.moved(copy)

    def original(self, text: str) -> str:
        """Return a text about the copies as one about the originals."""
        text = text.replace(f"stream table {self.subject}", "the stream table").replace(
            self.subject, "the stream table"
        )
        for schema, copied in sorted(self.schemas.items(), key=lambda pair: -len(pair[1])):
            text = text.replace(copied, schema)
        return text

    # ---- making and dropping

    def make(self) -> Program[None]:
        """Create the schemas, with the tables and views in them; the session shows that they are in use."""
        yield Run(scratch.LOCK, {"name": self.name})
        yield Run(scratch.create_schemas(self.schemas.values()))
        for statement in self.definitions():
            yield Run(statement)

    def definitions(self) -> list[str]:
        """Return the statements that create the tables and the views."""
        found = [self._create_table(table) for table in self.behind.tables]
        for table in self.behind.tables:
            name = self.copy_of(table)
            found += [scratch.create_index(name, index) for index in table.indexes]
        for table in self.behind.tables:
            for oid, was, definition in table.foreign:
                refers = definition.replace(f" REFERENCES {was}(", f" REFERENCES {self.tables[oid]}(")
                found.append(scratch.add_constraint(self.copy_of(table), refers))
        for derived in self.behind.derived:
            if derived.stream_table is None:
                found.append(scratch.create_view(self.copy_of(derived), self.moved(derived.query)))
        return found

    def _create_table(self, table: Table) -> str:
        columns = [
            scratch.column(
                column.sql,
                column.type,
                collation=column.collation,
                is_required=column.is_required,
                expression=column.expression,
                generated=column.generated,
            )
            for column in table.columns
        ]
        return scratch.create_table(self.copy_of(table), [*columns, *table.constraints])

    def create_stream_tables(self) -> Program[None]:
        """
        Create and populate the stream table, and before it those that it reads.

        :raises PgStreamError: if the engine refuses it.
        :raises Upstream: if it refuses one that it reads.
        """
        for derived in self.streams:
            mode = derived.stream_table.refresh_mode if derived.stream_table else self.refresh_mode
            name = self.copy_of(derived).replace('"', "")
            try:
                yield from self._apart(self._create(name, self.moved(derived.query), mode))
            except PgStreamError as error:
                raise Upstream(f"stream table {derived}, which it reads, is refused: {error}") from None
        yield from self._apart(self._create(self.subject, self.moved(self.query), self.refresh_mode))
        tables = yield from self._fetch()
        self._pgs_ids = [table.pgs_id for table in tables.values()]
        subject = tables[self.subject]
        oid = {"oid": subject.storage_oid}
        columns = (yield Run(comparison.columns(self.installation.engine), oid)).rows
        self._comparison = Comparison(subject, tuple(ComparedColumn.from_row(row) for row in columns))

    def _create(self, name: str, query: str, mode: str) -> Program[None]:
        yield from create(name, Spec(query, None, mode), self.installation)

    def reset(self) -> Program[None]:
        """Drop the stream tables, and empty the tables."""
        yield from in_transaction(self._drop_stream_tables(), self.installation)
        yield Run(scratch.empty(self.tables.values()))

    def _drop_stream_tables(self) -> Program[None]:
        yield from lock_creation()
        yield from drop_all(self.schemas.values(), self.installation)

    def drop(self) -> Program[None]:
        """Drop everything."""
        yield Run(statements.ROLLBACK)
        yield from drop_scratch(list(self.schemas.values()), self.installation)
        yield Run(scratch.UNLOCK, {"name": self.name})

    # ---- playing

    def transact(self, changes: Sequence[str]) -> Program[tuple[str, ...]]:
        """
        Make changes in one transaction; return those that no table refused.

        :raises Refused: if the query fails on the rows then; nothing is changed.
        :raises PgStreamError: if the change itself fails, as by a trigger of the engine.
        """
        if not changes:
            return ()
        try:
            reply = yield Run(scratch.transaction(changes, self.moved(self.query)))
        except psycopg.Error as error:
            if error.sqlstate == scratch.REFUSED_BY_QUERY:
                raise Refused(error.diag.message_primary or str(error)) from None
            raise translate(error, self.installation, stream_table=self.subject) from None
        left_out = reply.rows[0]["left_out"]
        return tuple(change for number, change in enumerate(changes) if number not in left_out)

    def refresh(self) -> Program[None]:
        """
        Refresh the stream table as the provider does it, and before it those that it reads.

        :raises PgStreamError: if that fails.
        :raises Upstream: if it fails for one that it reads.
        """
        engine = self.installation.engine
        if "auto_threshold" in engine.found.columns:
            yield Run(scratch.never_in_full(engine, self._pgs_ids))
        for derived in self.streams:
            name = self.copy_of(derived).replace('"', "")
            try:
                yield from self._apart(refresh(name, REFRESH, self.installation))
            except PgStreamError as error:
                raise Upstream(f"the refresh of {derived}, which it reads, fails: {error}") from None
        if self.refresh_mode != words.IMMEDIATE:
            yield from self._apart(refresh(self.subject, REFRESH, self.installation))

    def compare(self, limit: int = 0) -> Program[Difference]:
        """Compare the stream table with its query."""
        assert self._comparison is not None  # noqa: S101 - it was created
        values = {"limit": limit, "tolerance": TOLERANCE}
        row = (yield Run(self._comparison.statement(), values)).rows[0]
        examples = [f"surplus: {one}" for one in row["surplus_examples"]]
        examples += [f"missing: {one}" for one in row["missing_examples"]]
        return Difference(row["surplus"], row["missing"], tuple(examples))

    def rows(self) -> Program[Rows]:
        """Return the rows of the tables."""
        each = [
            (table.oid, self.copy_of(table), [column.sql for column in table.written])
            for table in self.behind.tables
        ]
        found: dict[int, list[Sequence[str]]] = {oid: [] for oid, _, _ in each}
        for row in (yield Run(scratch.rows_of(each))).rows:
            found[row["number"]].append(row["row"])
        return {oid: sorted(rows, key=list) for oid, rows in found.items()}

    @property
    def compared(self) -> list[str]:
        """The columns of the stream table, as SQL writes them."""
        return [quoted(column.name) for column in self._comparison.columns] if self._comparison else []

    @property
    def streams(self) -> list[Derived]:
        """The stream tables that the query reads, each after those that it reads itself."""
        return [derived for derived in self.behind.derived if derived.stream_table is not None]

    def _fetch(self) -> Program[dict[str, StreamTable]]:
        tables = yield from fetch(self.installation.engine)
        own = tuple(f"{schema}." for schema in self.schemas.values())
        return {name: table for name, table in tables.items() if name.startswith(own)}

    def _apart(self, program: Program[object]) -> Program[None]:
        """Run a program in sessions of its own, as a refresh needs it; this one's stays."""
        (outcome,) = (yield Gather([program], 1)).outcomes
        if isinstance(outcome, BaseException):
            raise outcome


def sweep(installation: Installation) -> Program[None]:
    """Drop the scratch schemas of checks that were killed."""
    for row in (yield Run(scratch.LEFT)).rows:
        name = {"name": row["name"]}
        if (yield Run(scratch.LOCK, name)).rows[0]["locked"]:
            yield from drop_scratch(row["schemas"], installation)
            yield Run(scratch.UNLOCK, name)


def drop_scratch(schemas: Sequence[str], installation: Installation) -> Program[None]:
    """Drop scratch schemas with all that is in them, and what the engine keeps of it."""

    def body() -> Program[None]:
        yield from lock_creation()
        yield from drop_all(schemas, installation)
        yield Run(scratch.drop_schemas(schemas))

    yield from in_transaction(body(), installation)


def drop_all(schemas: Iterable[str], installation: Installation) -> Program[None]:
    """Drop the stream tables of some schemas, in the transaction that is open."""
    own = tuple(f"{schema}." for schema in schemas)
    tables = yield from fetch(installation.engine)
    for table in sorted(tables.values(), key=lambda table: -table.pgs_id):
        if table.name.startswith(own):
            yield from drop_table(table, installation.engine)
