"""The database ``flights``: made anew on the server for each run, unless it belongs to somebody else."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

NAME = "flights"
MARK = "Made by scripts/demo of airflow-provider-pgstream, which drops it when it runs again."
NO_PASSWORD = "not-asked-for"  # noqa: S105  Cosmos wants a connection with a password, whether the server asks or not
CONNECT_TIMEOUT = 10  # seconds

logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns when a Ctrl-C interrupts a query


class DemoError(Exception):
    """Why the demo cannot go on, in one sentence that says what to do."""


@dataclass(frozen=True)
class Flights:
    """Where the database is, as the server understood the DSN."""

    host: str
    port: int
    user: str
    password: str
    sslmode: str | None
    engine: str

    def psql(self) -> str:
        """Return a command that the user can type; it asks for the password."""
        host = "" if self.host.startswith("/") else f"{self.host}:{self.port}"
        where = f"?host={self.host}&port={self.port}" if not host else ""
        return f"psql 'postgresql://{self.user}@{host}/{NAME}{where}'"

    def connect(self) -> psycopg.Connection[Any]:
        """Open a session in the database."""
        return psycopg.connect(**self._parameters(), password=self.password, autocommit=True)

    def count(self, table: str) -> int:
        """Return how many rows a table has, given as ``schema.table``."""
        return self.number(sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split("."))))

    def number(self, query: sql.Composed) -> int:
        """Return the one number that a query gives."""
        with self.connect() as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def airflow_connection(self) -> str:
        """Return the Airflow connection, as JSON."""
        fields = {
            "conn_type": "postgres",
            "host": self.host,
            "port": self.port,
            "login": self.user,
            "password": self.password,
            "schema": NAME,
        }
        return json.dumps(fields | ({"extra": {"sslmode": self.sslmode}} if self.sslmode else {}))

    def _parameters(self) -> dict[str, Any]:
        parameters = {"host": self.host, "port": self.port, "user": self.user, "dbname": NAME}
        return parameters | ({"sslmode": self.sslmode} if self.sslmode else {})


def make(dsn: str, engine: str) -> Flights:
    """Drop the database that an earlier run made, create it empty with the extension, and return where it is.

    :param dsn: any database of the server, as a role that may create databases and the extension.
    :param engine: the extension.
    :raises DemoError: if the server does not let that happen, or if its ``flights`` is not the demo's.
    """
    with _connect(dsn) as connection:
        where = f"{connection.info.host}:{connection.info.port}"
        _demand_extension(connection, engine, where)
        _demand_own_database(connection, where)
        name = sql.Identifier(NAME)
        try:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            connection.execute(sql.SQL("create database {}").format(name))
            connection.execute(sql.SQL("comment on database {} is {}").format(name, sql.Literal(MARK)))
        except psycopg.Error as error:
            raise DemoError(f"database '{NAME}' could not be made at {where}: {_line(error)}") from error
        info = connection.info
        sslmode = info.get_parameters().get("sslmode")
        flights = Flights(info.host, info.port, info.user, info.password or NO_PASSWORD, sslmode, engine)
    try:
        with flights.connect() as connection:
            connection.execute(sql.SQL("create extension if not exists {}").format(sql.Identifier(engine)))
    except psycopg.Error as error:
        raise DemoError(
            f"extension {engine} could not be created at {where}: {_line(error)}; it wants a superuser, "
            f"and shared_preload_libraries = '{engine}' in the server's configuration"
        ) from error
    return flights


def _connect(dsn: str) -> psycopg.Connection[Any]:
    try:
        parameters = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # Not libpq's own sentence: it quotes what it could not read, which may be a part of the password.
        raise DemoError(
            "the DSN cannot be read: write special characters of user and password as %XX"
        ) from None
    if "@" in f"{parameters.get('host')}{parameters.get('dbname')}":
        raise DemoError("the DSN cannot be read: in user and password, @ is written as %40 and / as %2F")
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT)
    except psycopg.OperationalError as error:
        where = f"{parameters.get('host', 'the local socket')}:{parameters.get('port', 5432)}"
        raise DemoError(
            f"no session at {where}: {_line(error)}; check --dsn, and that the server runs"
        ) from None


def _demand_extension(connection: psycopg.Connection[Any], engine: str, where: str) -> None:
    query = "select from pg_available_extensions where name = %s"
    if connection.execute(query, [engine]).fetchone() is None:
        raise DemoError(
            f"the server at {where} does not have the extension {engine}: install it there, "
            "or leave out --dsn to use the emulator"
        )


def _demand_own_database(connection: psycopg.Connection[Any], where: str) -> None:
    query = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
    found = connection.execute(query, [NAME]).fetchone()
    if found is not None and found[0] != MARK:
        raise DemoError(
            f"the server at {where} has a database '{NAME}' that the demo did not make, and that it would "
            "have to drop: rename yours (alter database flights rename to …), or give another server"
        )


def _line(error: psycopg.Error) -> str:
    """What the server said, on one line and without libpq's preamble."""
    text = error.diag.message_primary or str(error).strip().splitlines()[0]
    for preamble in ("failed: ", "FATAL:"):
        text = text.rpartition(preamble)[2]
    return text.strip()
