"""From an Airflow connection to what psycopg is given, for hook and triggers alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from psycopg import pq
from psycopg.rows import dict_row

DEFAULT_PORT = 5432
_DEFAULTS = {"connect_timeout": 10, "fallback_application_name": "airflow-provider-pgstream"}


@dataclass(frozen=True)
class Place:
    """
    A database, as messages name it.

    :param conn_id: the Airflow connection it was reached by.
    :param login: the role it was reached as.
    :param engine: the engine that the connection's extra names, for a database that has several.
    """

    database: str | None
    host: str | None
    port: int | str | None
    conn_id: str
    login: str | None = None
    engine: str | None = None

    @property
    def uri(self) -> str:
        """``postgres://host:port``: OpenLineage's namespace, and what an asset's URI begins with."""
        return f"postgres://{self.host or 'localhost'}:{self.port or DEFAULT_PORT}"

    @property
    def database_name(self) -> str:
        """The database that libpq takes where none is named, as far as the connection tells."""
        return self.database or self.login or "postgres"

    def __str__(self) -> str:
        database = f"database '{self.database}'" if self.database else "the login's own database"
        server = f"{self.host or 'localhost'}:{self.port or DEFAULT_PORT}"
        return f"{database} at {server} (connection '{self.conn_id}')"


@dataclass(frozen=True)
class Target:
    """
    A database to connect to.

    :param place: how messages name it.
    :param arguments: keyword arguments of ``psycopg.connect`` and ``psycopg.AsyncConnection.connect``.
    """

    place: Place
    arguments: Mapping[str, Any] = field(repr=False)

    @property
    def password(self) -> str | None:
        """What must not be printed."""
        return self.arguments.get("password")


def target(
    conn_id: str,
    *,
    host: str | None,
    port: int | None,
    login: str | None,
    password: str | None,
    database: str | None,
    extra: Mapping[str, Any] | None = None,
    options: str | None = None,
) -> Target:
    """
    Return the target for the fields of an Airflow connection.

    What libpq knows of ``extra`` is kept (``sslmode``, ``options`` …), and ``engine``; the rest is
    Airflow's own.

    :param database: the connection's ``schema``, or what a hook was given instead.
    :param options: command-line options for the server session; they beat the extra's.
    """
    fields = {"host": host, "port": port, "user": login, "password": password, "dbname": database}
    given = {key: value for key, value in (extra or {}).items() if key in _libpq_options()}
    if options:
        given["options"] = options
    arguments = {k: v for k, v in {**_DEFAULTS, **fields, **given}.items() if v is not None}
    place = Place(
        database=arguments.get("dbname"),
        host=arguments.get("host"),
        port=arguments.get("port"),
        conn_id=conn_id,
        login=arguments.get("user"),
        engine=(extra or {}).get("engine"),
    )
    return Target(
        place, {**arguments, "autocommit": True, "row_factory": dict_row, "prepare_threshold": None}
    )


@cache
def _libpq_options() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
