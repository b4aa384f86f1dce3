"""From an Airflow connection to what psycopg is given, for hook and triggers alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from psycopg import pq
from psycopg.rows import dict_row

from airflow_provider_pgstream.translation import Place

_DEFAULTS = {"connect_timeout": 10, "fallback_application_name": "airflow-provider-pgstream"}


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

    What libpq knows of ``extra`` is kept (``sslmode``, ``options`` …), the rest is Airflow's own.

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
    )
    return Target(
        place, {**arguments, "autocommit": True, "row_factory": dict_row, "prepare_threshold": None}
    )


@cache
def _libpq_options() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
