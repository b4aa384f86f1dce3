"""The one place where the database's errors become ours: by SQLSTATE, by text only where there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg

from airflow_provider_pgstream import engine
from airflow_provider_pgstream.exceptions import (
    ConnectionFailed,
    DependentObjectsExist,
    EngineNotInstalled,
    EngineNotSupported,
    InsufficientPrivilege,
    InvalidStreamTable,
    PgStreamError,
    RefreshInProgress,
    SourceLocked,
    StreamTableExists,
    StreamTableFailed,
    StreamTableNotFound,
    StreamTableSuspended,
    UnsupportedQuery,
)

_INTERNAL_ERROR = "XX000"
_ENGINE_CALL = re.compile(rf"\b{engine.SCHEMA}\b")
_DENIED = re.compile(r"(schema|table|function|sequence|view|relation) (.+)$")


@dataclass(frozen=True)
class Place:
    """
    A database, as messages name it.

    :param conn_id: the Airflow connection it was reached by.
    :param login: the role it was reached as.
    """

    database: str | None
    host: str | None
    port: int | str | None
    conn_id: str
    login: str | None = None

    def __str__(self) -> str:
        database = f"database '{self.database}'" if self.database else "the login's own database"
        return f"{database} at {self.host or 'localhost'}:{self.port or 5432} (connection '{self.conn_id}')"


def not_installed(place: Place | str) -> EngineNotInstalled:
    """Return the error for a database without the extension."""
    return EngineNotInstalled(
        f"{engine.EXTENSION} is not installed in {place}: run CREATE EXTENSION {engine.EXTENSION} there, "
        "or set postgres_conn_id"
    )


def not_supported(place: Place | str) -> EngineNotSupported:
    """Return the error for a database that has only the engine's later form."""
    return EngineNotSupported(
        f"{place} has {engine.LATER_EXTENSION}, which is not supported yet: use a database with "
        f"{engine.EXTENSION}, or set postgres_conn_id"
    )


def not_found(stream_table: str | None) -> StreamTableNotFound:
    """Return the error for a stream table that is not in the catalog."""
    return StreamTableNotFound(
        f"stream table {stream_table} does not exist: create it first, or check its name and the "
        "connection's database"
    )


def connection_failed(error: psycopg.Error, place: Place, password: str | None) -> ConnectionFailed:
    """
    Return the error for a connection that could not be made.

    :param password: what must not be in the text.
    """
    text = first_line(error)
    if password:
        text = text.replace(password, "***")
    if "authentication failed" in text or "no password supplied" in text:
        advice = "set the right login and password in the connection"
    elif 'database "' in text:
        advice = "set an existing database in the connection's schema field"
    elif 'role "' in text:
        advice = "set an existing role in the connection's login field"
    else:
        advice = "check the connection's host and port, and that the server is up and lets this machine in"
    return ConnectionFailed(f"cannot connect to {place}: {text}; {advice}")


def first_line(error: BaseException) -> str:
    """Return the heart of an error's text on one line, without libpq's and the engine's preambles."""
    diagnostic = getattr(error, "diag", None)
    text = (diagnostic.message_primary if diagnostic else None) or str(error)
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    line = re.sub(r"^connection failed: ", "", line)
    return re.sub(r"^(.*?)FATAL:\s+", "", line)


def translate(
    error: psycopg.Error,
    *,
    stream_table: str | None = None,
    place: Place | None = None,
    locking: str | None = None,
    creating: bool = False,
) -> PgStreamError:
    """
    Return our error for one of the database's.

    Raise it ``from None``: the database's own holds pages of the engine's SQL.

    :param stream_table: ``schema.table`` of what was worked on.
    :param place: the database, for errors that are about it and for the GRANT.
    :param locking: the source that was being locked, if one was.
    :param creating: whether the stream table was being created, so that errors are about its query.
    """
    ours = _translated(error, stream_table, place, locking, creating)
    ours.sqlstate = error.sqlstate
    return ours


def _translated(
    error: psycopg.Error, stream_table: str | None, place: Place | None, locking: str | None, creating: bool
) -> PgStreamError:
    what = f"stream table {stream_table}" if stream_table else f"a call to {engine.EXTENSION}"
    text, code = first_line(error), error.sqlstate
    if code is None and not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StreamTableFailed(f"{what}: {text}: this is a defect of the provider, please report it")
    if code is None or (code[:2] in ("08", "57") and code != "57014"):
        return ConnectionFailed(
            f"the connection to {place or 'the database'} was lost while working on {what}: {text}; "
            "nothing of it was committed: run it again when the server is back"
        )
    if code == _INTERNAL_ERROR:
        return _from_engine(text, what, stream_table)
    if code == "42501":
        return _privilege(text, what, place.login if place else None, locking)
    if code in ("42P01", "3F000", "42883") and _ENGINE_CALL.search(text):
        return not_installed(place or "the database")
    if creating:
        return _from_create(text, code, what)
    return _from_refresh(text, code, what)


def _from_engine(text: str, what: str, stream_table: str | None) -> PgStreamError:
    """XX000 is all that the engine gives for its own errors, so its words must tell."""
    if "another refresh is already in progress" in text:
        return RefreshInProgress(
            f"{what} is being refreshed by another session: wait for it, or set on_busy='wait'"
        )
    if "is suspended" in text:
        return StreamTableSuspended(
            f"{what} is SUSPENDED (paused): resume it with "
            f"select {engine.SCHEMA}.alter_stream_table('{stream_table}', status => 'ACTIVE')"
        )
    if "stream table not found" in text:
        return not_found(stream_table)
    if "stream table already exists" in text:
        return StreamTableExists(
            f"{what} exists already: set if_exists to 'skip' or 'replace', or drop it first"
        )
    if match := re.search(r"cycle detected in dependency graph: (.*)", text):
        return UnsupportedQuery(f"{what} would depend on itself ({match[1]}): change its query")
    if match := re.search(r"(?:unsupported operator for DIFFERENTIAL mode|query parse error): (.*)", text):
        return UnsupportedQuery(f"the query of {what} is refused: {match[1]}{_hint(text)}")
    if "SpiTupleTable positioned before the start" in text:
        return UnsupportedQuery(
            f"the query of {what} is refused: it names a table that does not exist, or not in schema "
            f"'{engine.SEARCH_PATH}': write schema.table in the query"
        )
    if match := re.search(r"invalid argument: (.*)", text):
        return InvalidStreamTable(f"{what}: {match[1]}{_hint(text)}")
    return StreamTableFailed(f"{what}: the engine reports: {text}{_hint(text)}")


def _hint(text: str) -> str:
    if "count(*) must be used to call a parameterless aggregate function" in text:
        return ". The engine mangles count(*) over a view: write count(1), or read the table itself"
    if re.search(r'column "\d+" does not exist', text):
        return ". The engine takes no column numbers: write the columns in GROUP BY"
    if "LIMIT" in text and "DIFFERENTIAL" in text:
        return ". Leave LIMIT to whoever reads the table, or use refresh_mode='FULL'"
    if "schedule" in text or "duration" in text or "cron" in text:
        return ". A schedule is a duration such as '5m' or '1h30m', a cron expression, '@hourly', or None"
    if "no unique or exclusion constraint" in text or "__pgs_row_id" in text:
        return f". Read a stream table by its columns, not with *, which brings {engine.ROW_ID} along"
    return ""


def _privilege(text: str, what: str, role: str | None, locking: str | None) -> InsufficientPrivilege:
    who = f'"{role}"' if role else "<role>"
    found = _DENIED.search(text)
    kind, name = (found[1], found[2]) if found else ("", "")
    if locking:
        advice = f"grant maintain on table {locking} to {who}, or set lock_sources=False and risk losing rows"
    elif text.startswith("must be owner"):
        advice = f"run it as the owner, or grant the owner's role to {who}"
    elif kind == "schema" and name == engine.SCHEMA:
        advice = (
            f"grant usage on schema {engine.SCHEMA} to {who}; "
            f"grant select on all tables in schema {engine.SCHEMA} to {who}"
        )
    elif kind == "schema" and name == engine.CHANGES_SCHEMA:
        advice = (
            f"grant usage on schema {name} to {who}; "
            f"grant select, delete on all tables in schema {name} to {who}"
        )
    elif kind == "schema":
        advice = f"grant usage, create on schema {name} to {who}"
    elif kind == "function":
        advice = f"grant execute on all functions in schema {engine.SCHEMA} to {who}"
    elif kind == "sequence":
        advice = f"grant usage on all sequences in schema {engine.SCHEMA} to {who}"
    elif name.startswith("pgs_"):
        advice = (
            f"to read, grant select on all tables in schema {engine.SCHEMA} to {who}; "
            "to refresh, grant select, insert, update, delete on all tables in schema "
            f"{engine.SCHEMA} to {who}"
        )
    else:
        advice = f"grant select, insert, update, delete, truncate on {name or 'it'} to {who}"
    return InsufficientPrivilege(f"{what}: {text}: {advice}")


def _from_create(text: str, code: str, what: str) -> PgStreamError:
    concurrent = "pg_type_typname_nsp_index" in text or "changes_" in text or "pg_stream_cdc_" in text
    if code in ("23505", "42P07", "42710") and concurrent:
        return StreamTableFailed(
            f"{what} was not created, because another session creates one on the same source without taking "
            "the lock that this provider and its dbt package take: run it again"
        )
    if code == "42P07":
        return StreamTableExists(
            f"{what} cannot be created: {text}: choose another name, or drop that relation"
        )
    if code == "3F000":
        return InvalidStreamTable(f"{what}: {text}: create the schema first")
    if code == "42602":
        return InvalidStreamTable(f"{what}: {text}: choose a name in lower case without blanks")
    if code == "42601":
        return UnsupportedQuery(
            f"the query of {what} is refused: {text}: it must be one SELECT "
            "without a semicolon or a comment at its end"
        )
    if code[:2] in ("42", "0A", "22"):
        return UnsupportedQuery(f"the query of {what} is refused: {text}{_hint(text)}")
    return _from_refresh(text, code, what)


def _from_refresh(text: str, code: str, what: str) -> PgStreamError:
    if code == "55P03":
        return SourceLocked(f"{what}: {text}: end the transaction that holds the lock, or raise lock_timeout")
    if code == "2BP01":
        return DependentObjectsExist(f"{what}: {text}: drop those first, or set cascade=True")
    if code == "57014":
        return StreamTableFailed(f"{what}: {text}: raise statement_timeout, or ask who cancelled it")
    if code in ("40001", "40P01"):
        return StreamTableFailed(f"{what}: {text}: run it again")
    if code == "25006":
        return ConnectionFailed(f"{what}: {text}: connect to the primary server")
    if code == "42P01":
        return StreamTableFailed(
            f"{what}: {text}: a table that it reads is gone, or its query names it without a schema: "
            "write schema.table in the query and create it again"
        )
    if code == "42883" and "operator does not exist" in text:
        return StreamTableFailed(
            f"{what}: {text}: a DIFFERENTIAL table cannot hold a column whose type has no equality: "
            "cast it in the query (json to jsonb), or create it with refresh_mode='FULL'"
        )
    return StreamTableFailed(f"{what}: its query fails: {text}: mend the rows or the query, then refresh it")
