"""What an engine is: its names, its words, and how its behaviour differs from another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_pgstream._engines import words

SEARCH_PATH = "public"
"""The one search path under which every call is made: engines store unqualified names as written."""

CREATION_LOCK = (1885827956, 1)
"""Transaction-level advisory lock that serialises creation; the dbt package takes the same one."""

EMULATOR_SUFFIX = "-emulator"


@dataclass(frozen=True, kw_only=True, eq=False)
class Says:
    """
    How an engine words what only its words tell: regular expressions that are searched for in its messages.

    :param busy: another session is refreshing the stream table.
    :param suspended: the stream table is paused.
    :param not_found: there is no such stream table.
    :param exists: a stream table has the name.
    :param cycle: a stream table would read itself; group 1 is the path.
    :param refused_query: it cannot take a query; group 1 is why.
    :param unresolved: a query names a table that it does not find.
    :param invalid: an argument is refused; group 1 is why.
    :param refreshed: the notice about a refresh; groups ``action`` and, if counted, ``inserted`` and
        ``deleted``.
    """

    busy: str
    suspended: str
    not_found: str
    exists: str
    cycle: str
    refused_query: str
    unresolved: str
    invalid: str
    refreshed: str


@dataclass(frozen=True)
class Found:
    """
    What an engine offers in one database, found by looking: versions differ in what exists.

    :param arguments: the names of the arguments of each of its functions, by the function's name.
    :param columns: the columns of its catalog.
    :param relations: the tables and views of its schema.
    """

    arguments: frozenset[tuple[str, frozenset[str]]] = frozenset()
    columns: frozenset[str] = frozenset()
    relations: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Setting:
    """
    A setting of an engine that only a superuser can change, and that is to have another value.

    :param name: without the engine's prefix.
    :param safe: the value that it is to have.
    :param at_stake: what happens without it, in words that follow "or".
    """

    name: str
    safe: str
    at_stake: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Engine:
    """
    One engine, as :mod:`known` holds it; queries, messages and programs are built from it.

    There is one instance of each, and one for each :class:`Found`, so that they are told apart by identity.
    What has a default is what an engine can say no to.

    :param extension: the extension's name; also the prefix of its settings.
    :param schema: the schema of its functions and catalog.
    :param changes_schema: the schema of its change buffers.
    :param prefix: what the names of its catalog's tables and columns begin with, before ``_``.
    :param alert_channel: the channel of its notifications.
    :param scheduler_process: how its scheduler shows in ``pg_stat_activity``.
    :param scheduler_database: the only database that its scheduler serves; None for every one.
    :param external: SQL over the catalog row ``st``: whether its own single refresh refuses a stream table,
        which only the refresh of its whole graph refreshes.
    :param unscheduled: SQL over the catalog row ``st``: why its scheduler does not refresh a stream table, in
        words that follow "it"; NULL if it does.
    :param history_of_last: SQL that joins a history row ``h`` with the last refresh of ``st``.
    :param capture_triggers: SQL for the names of the change triggers of the source ``{source}``, an array.
    :param capture: SQL of one row ``(present boolean, disabled boolean)`` about the change triggers of a
        source whose oid is ``s.source_relid``.
    :param buffer_name: SQL for the name of the change buffer of the source ``d.source_relid``.
    :param made_by_create: parts of the names of what a create makes on a source, where two at once collide.
    :param says: how it words its messages.
    :param position: SQL for the WAL position that its change triggers stamp changes with.
    :param mixed_in_full: whether a stream table that reads both tables and stream tables goes stale unless it
        is refreshed in full.
    :param reinit_in_full: whether a manual refresh ignores that a stream table is to be reinitialised.
    :param own_sqlstates: the codes that it gives to errors of its own, whose text tells what happened.
    :param chatter: parts of messages that it writes for its own developers.
    :param fresh_as_of: SQL over ``st``: the moment as of which the rows of a stream table are right.
    :param schedule: SQL over ``st``: the schedule; NULL for none.
    :param last_error: SQL over ``st``: the error of its last scheduled refresh, if it failed.
    :param recomputed: SQL over ``st``: whether the last refresh was a full one, whatever was said of it.
    :param moved: SQL over ``st`` for a text that changes with every refresh that did something.
    :param history_action: SQL over a history row ``h``: what that refresh did, ``NO_DATA`` if nothing.
    :param refresh_modes: the modes that a stream table can be created in.
    :param driven: the schedule of a stream table that its scheduler refreshes after those that it reads.
    :param create_settings: what every create sends, unless the caller gives it.
    :param unattended_settings: what keeps its scheduler from a stream table, where no schedule does not.
    :param attended_settings: what lets its scheduler refresh such a stream table again.
    :param setting_columns: the columns of its catalog that hold settings, where they are named otherwise.
    :param runs_cron: whether it keeps to cron schedules.
    :param refused_in_names: a pattern of what a name must not hold, beside what no name may.
    :param truncates_buffers: whether a refresh begins with a clean-up of the change buffers by TRUNCATE,
        which takes along what its snapshot does not see.
    :param skips: whether a refresh that it skipped looks like one that succeeded.
    :param stays_in_error: whether a stream table in ERROR is refused a refresh until it is made ACTIVE.
    :param scheduler_moves_frontier: whether its scheduler stores a position of its own, so that a stream
        table which it refreshes, too, cannot keep the position of a boundary.
    :param deletes_unread: whether its scheduler deletes changes that a neighbour on the source has yet to
        read.
    :param waits_in_full: SQL: whether its scheduler, when it refreshes a table in FULL mode, waits for open
        writers of the sources, and readers, new writers and every other refresh for it.
    :param loses_in_wal: whether a refresh loses what capture from the WAL has not delivered yet.
    :param needs_key: whether a differential filter goes wrong that does not select the primary key.
    :param dies_of_missing_grants: whether a create by a role without rights to its catalog ends the server.
    :param keeps_buffers: whether change buffers and guard functions outlive what they were made for.
    :param kept_in: a relation of its schema where versions note positions and clean-up themselves: there,
        nobody else may store the one or do the other.
    :param repairs: the functions that make the next refresh a full one there, the best first.
    :param unfinished: SQL assignment that marks a stream table whose population has only begun.
    :param safe_settings: what a superuser has to set.
    :param found: what it offers in the database at hand.
    """

    extension: str
    schema: str
    changes_schema: str
    prefix: str
    alert_channel: str
    scheduler_process: str
    scheduler_database: str | None
    unscheduled: str
    history_of_last: str
    capture_triggers: str
    capture: str
    buffer_name: str
    made_by_create: tuple[str, ...]
    says: Says
    position: str
    mixed_in_full: bool
    reinit_in_full: bool
    own_sqlstates: frozenset[str]
    chatter: tuple[str, ...]
    fresh_as_of: str = "st.data_timestamp"
    schedule: str = "st.schedule"
    last_error: str = "null::text"
    recomputed: str = "null::boolean"
    moved: str = "pg_catalog.md5(st.frontier::text)"
    history_action: str = "h.action"
    refresh_modes: tuple[str, ...] = (words.DIFFERENTIAL, words.FULL)
    driven: str | None = None
    create_settings: Mapping[str, str] = field(default_factory=dict)
    unattended_settings: Mapping[str, str] = field(default_factory=dict)
    attended_settings: Mapping[str, str] = field(default_factory=dict)
    setting_columns: Mapping[str, str] = field(default_factory=dict)
    runs_cron: bool = True
    refused_in_names: str | None = None
    truncates_buffers: bool = False
    skips: bool = False
    stays_in_error: bool = False
    scheduler_moves_frontier: bool = False
    deletes_unread: bool = False
    waits_in_full: str | None = None
    loses_in_wal: bool = False
    needs_key: bool = False
    dies_of_missing_grants: bool = False
    keeps_buffers: bool = False
    kept_in: str | None = None
    repairs: tuple[str, ...] = ()
    unfinished: str = "needs_reinit = true"
    external: str = "false"
    safe_settings: tuple[Setting, ...] = ()
    found: Found = Found()

    def has_function(self, name: str) -> bool:
        """Tell whether the database at hand has one of its functions."""
        return any(function == name for function, _ in self.found.arguments)

    def takes(self, function: str, argument: str) -> bool:
        """Tell whether one of its functions takes an argument in the database at hand."""
        return any(name == function and argument in names for name, names in self.found.arguments)

    def has_relation(self, name: str) -> bool:
        """Tell whether its schema has a table or view in the database at hand."""
        return name in self.found.relations

    @property
    def keeps_positions(self) -> bool:
        """Whether it notes by itself up to where each stream table has read, and lets nobody else do it."""
        return self.kept_in is not None and self.has_relation(self.kept_in)

    @property
    def repair(self) -> str | None:
        """The function that makes the next refresh a full one, where it keeps positions to itself."""
        if not self.keeps_positions:
            return None
        return next((name for name in self.repairs if self.has_function(name)), None)

    @property
    def pauses(self) -> bool:
        """Whether it has functions of their own to pause and to resume, which ask for fewer rights."""
        return self.has_function("pause_stream_table") and self.has_function("resume_stream_table")

    @property
    def catalog(self) -> str:
        """The table with a row for each stream table."""
        return f"{self.schema}.{self.prefix}_stream_tables"

    @property
    def dependencies(self) -> str:
        """The table with a row for each source of each stream table."""
        return f"{self.schema}.{self.prefix}_dependencies"

    @property
    def tracking(self) -> str:
        """The table with a row for each captured source."""
        return f"{self.schema}.{self.prefix}_change_tracking"

    @property
    def history(self) -> str:
        """The table with a row for each scheduled refresh."""
        return f"{self.schema}.{self.prefix}_refresh_history"

    @property
    def is_buffer(self) -> str:
        """SQL: whether the relation ``b`` is the change buffer of the source ``d.source_relid``."""
        return (
            f"b.relname = {self.buffer_name} and b.relnamespace = "
            f"(select oid from pg_catalog.pg_namespace where nspname = '{self.changes_schema}')"
        )

    @property
    def id(self) -> str:
        """The column that identifies a stream table."""
        return f"{self.prefix}_id"

    @property
    def internal_prefix(self) -> str:
        """What the names of its internal columns in a stream table begin with."""
        return f"__{self.prefix}_"

    @property
    def row_id(self) -> str:
        """The internal column that every stream table has."""
        return f"{self.internal_prefix}row_id"

    @property
    def qualified_name(self) -> str:
        """SQL for ``schema.table`` of the catalog row ``st``."""
        return f"st.{self.prefix}_schema || '.' || st.{self.prefix}_name"
