"""The one place where the database's errors become ours: by SQLSTATE, by text only where there is none."""

from __future__ import annotations

import re

import psycopg

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import Installation, not_installed
from airflow_provider_pgstream._engines.engine import SEARCH_PATH, Engine
from airflow_provider_pgstream._engines.hints import hint
from airflow_provider_pgstream.exceptions import (
    ConnectionFailed,
    DependentObjectsExist,
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

NO_CODE = "XX000"
"""What an error has that was given no code."""

_DENIED = re.compile(r"(schema|table|function|sequence|view|relation) (.+)$")


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
    installation: Installation,
    *,
    stream_table: str | None = None,
    locking: str | None = None,
    creating: bool = False,
) -> PgStreamError:
    """
    Return our error for one of the database's.

    Raise it ``from None``: the database's own holds pages of the engine's SQL.

    :param installation: the engine, and the database for errors that are about it and for the GRANT.
    :param stream_table: ``schema.table`` of what was worked on.
    :param locking: the source that was being locked, if one was.
    :param creating: whether the stream table was being created, so that errors are about its query.
    """
    ours = _translated(error, installation, stream_table, locking, creating)
    ours.sqlstate = error.sqlstate
    return ours


def _translated(
    error: psycopg.Error,
    installation: Installation,
    stream_table: str | None,
    locking: str | None,
    creating: bool,
) -> PgStreamError:
    engine, place = installation.engine, installation.place
    what = f"stream table {stream_table}" if stream_table else f"a call to {engine.extension}"
    text, code = first_line(error), error.sqlstate
    if code is None and not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StreamTableFailed(f"{what}: {text}: this is a defect of the provider, please report it")
    if code is None or (code[:2] in ("08", "57") and code != "57014"):
        return ConnectionFailed(
            f"the connection to {place} was lost while working on {what}: {text}; "
            "nothing of it was committed: run it again when the server is back"
        )
    if code in engine.own_sqlstates:
        ours = _from_engine(text, what, stream_table, engine)
        if ours is not None:
            return ours
    if code == NO_CODE:
        return StreamTableFailed(f"{what}: the engine reports: {text}{hint(engine, text)}")
    if code == "42501":
        return _privilege(text, what, installation, locking)
    if code in ("42P01", "3F000", "42883") and re.search(rf"\b{engine.schema}\b", text):
        return not_installed(place, engine)
    if creating:
        return _from_create(text, code, what, engine)
    return _from_refresh(text, code, what, engine)


def suspended(stream_table: str | None, engine: Engine) -> StreamTableSuspended:
    """Return the error for a refresh of a paused stream table."""
    return StreamTableSuspended(
        f"stream table {stream_table} is SUSPENDED (paused): resume it with "
        f"select {engine.schema}.alter_stream_table('{stream_table}', status => 'ACTIVE'), "
        "or set on_suspended='resume'"
    )


def busy(stream_table: str | None) -> RefreshInProgress:
    """Return the error for a stream table that another session refreshes."""
    return RefreshInProgress(
        f"stream table {stream_table} is being refreshed by another session: wait for it, "
        "or set on_busy='wait'"
    )


def exists(stream_table: str | None) -> StreamTableExists:
    """Return the error for a name that is taken by a stream table."""
    return StreamTableExists(
        f"stream table {stream_table} exists already: set if_exists to 'skip' or 'replace', or drop it first"
    )


def _from_engine(text: str, what: str, stream_table: str | None, engine: Engine) -> PgStreamError | None:
    """Translate a code that the engine gives to errors of its own, if its words tell what happened."""
    says, advice = engine.says, hint(engine, text)
    if re.search(says.busy, text):
        return busy(stream_table)
    if re.search(says.suspended, text):
        return suspended(stream_table, engine)
    if re.search(says.not_found, text):
        # Of a query's table that does not exist some engines say the same.
        return not_found(stream_table) if _is_about(stream_table, text) else _unresolved(what)
    if re.search(says.exists, text):
        return exists(stream_table)
    if match := re.search(says.cycle, text):
        return UnsupportedQuery(f"{what} would depend on itself ({match[1]}): change its query")
    if match := re.search(says.refused_query, text):
        return UnsupportedQuery(f"the query of {what} is refused: {match[1]}{advice}")
    if re.search(says.unresolved, text):
        return _unresolved(what)
    if match := re.search(says.invalid, text):
        return InvalidStreamTable(f"{what}: {match[1]}{advice}")
    return None


def _is_about(stream_table: str | None, text: str) -> bool:
    return stream_table is None or ": " not in text or text.rsplit(": ", 1)[1] in stream_table


def _unresolved(what: str) -> UnsupportedQuery:
    return UnsupportedQuery(
        f"the query of {what} is refused: it names a table that does not exist, or not in schema "
        f"'{SEARCH_PATH}': write schema.table in the query"
    )


def _privilege(
    text: str, what: str, installation: Installation, locking: str | None
) -> InsufficientPrivilege:
    engine, role = installation.engine, installation.place.login
    who = f'"{role}"' if role else "<role>"
    found = _DENIED.search(text)
    kind, name = (found[1], found[2]) if found else ("", "")
    if locking:
        advice = f"grant maintain on table {locking} to {who}, or set lock_sources=False and risk losing rows"
    elif text.startswith("must be owner"):
        advice = f"run it as the owner, or grant the owner's role to {who}"
    elif kind == "schema" and name == engine.schema:
        advice = (
            f"grant usage on schema {engine.schema} to {who}; "
            f"grant select on all tables in schema {engine.schema} to {who}"
        )
    elif kind == "schema" and name == engine.changes_schema:
        advice = (
            f"grant usage on schema {name} to {who}; "
            f"grant select, delete on all tables in schema {name} to {who}"
        )
    elif kind == "schema":
        advice = f"grant usage, create on schema {name} to {who}"
    elif kind == "function":
        advice = f"grant execute on all functions in schema {engine.schema} to {who}"
    elif kind == "sequence":
        advice = f"grant usage on all sequences in schema {engine.schema} to {who}"
    elif name.startswith(f"{engine.prefix}_"):
        advice = (
            f"to read, grant select on all tables in schema {engine.schema} to {who}; "
            "to refresh, grant select, insert, update, delete on all tables in schema "
            f"{engine.schema} to {who}"
        )
    else:
        advice = f"grant select, insert, update, delete, truncate on {name or 'it'} to {who}"
    return InsufficientPrivilege(f"{what}: {text}: {advice}")


def _from_create(text: str, code: str, what: str, engine: Engine) -> PgStreamError:
    concurrent = any(part in text for part in engine.made_by_create)
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
        return UnsupportedQuery(f"the query of {what} is refused: {text}{hint(engine, text)}")
    return _from_refresh(text, code, what, engine)


def _from_refresh(text: str, code: str, what: str, engine: Engine) -> PgStreamError:
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
    return StreamTableFailed(
        f"{what}: its query fails: {text}: correct the rows or the query, then refresh it{hint(engine, text)}"
    )
