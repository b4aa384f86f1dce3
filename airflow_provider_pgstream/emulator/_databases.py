"""The databases of the server: each new one a copy of a clean one that has the extension."""

from __future__ import annotations

from psycopg import Connection, sql

from airflow_provider_pgstream.emulator._dresses import Dress

TEMPLATE = "pgstream_template"
KEPT = ("template0", "template1", TEMPLATE)


def has_template(connection: Connection) -> bool:
    """Return whether this server was prepared before, and to the end."""
    query = "select from pg_database where datname = %s and not datallowconn"
    return connection.execute(query, [TEMPLATE]).fetchone() is not None


def create_extension(connection: Connection, dress: Dress) -> None:
    """Create the extension in the database of ``connection``."""
    connection.execute(sql.SQL("create extension if not exists {}").format(sql.Identifier(dress.extension)))


def create_bare_template(connection: Connection) -> None:
    """Make the database from which others are copied, for :func:`create_extension` to complete.

    Not a copy of ``postgres``: that would fail while anyone is connected to it.
    """
    name = sql.Identifier(TEMPLATE)
    connection.execute(sql.SQL("drop database if exists {}").format(name))
    connection.execute(sql.SQL("create database {}").format(name))


def close_template(connection: Connection) -> None:
    """Let nobody into the template any more: what someone is connected to cannot be copied."""
    statement = sql.SQL("alter database {} is_template true allow_connections false")
    connection.execute(statement.format(sql.Identifier(TEMPLATE)))


def create_database(connection: Connection, name: str) -> None:
    """Create a database that has the extension."""
    # Copying files takes half the time of writing every page to the log, and each test makes a database.
    statement = sql.SQL("create database {} template {} strategy file_copy")
    connection.execute(statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))


def reset(connection: Connection) -> None:
    """Bring the whole server back to how it was after its first start, ending every other session.

    :param connection: a superuser's, to database ``template1``.
    """
    for name in _names(connection, "select datname from pg_database where datname <> all (%s)", list(KEPT)):
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
    others = "select rolname from pg_roles where rolname not like 'pg\\_%%' and rolname <> %s"
    for name in _names(connection, others, "postgres"):
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
    connection.execute("alter role postgres reset all")
    changed = "select name from pg_file_settings where sourcefile like %s"
    if _names(connection, changed, "%postgresql.auto.conf"):
        connection.execute("alter system reset all")
        connection.execute("select pg_reload_conf()")
    create_database(connection, "postgres")


def age_stream_tables(connection: Connection, dress: Dress, seconds: float) -> None:
    """Make every stream table look as if its last refresh were ``seconds`` further away."""
    statement = sql.SQL(
        "update {} set data_timestamp = data_timestamp - make_interval(secs => %(seconds)s), "
        "last_refresh_at = last_refresh_at - make_interval(secs => %(seconds)s)"
    )
    connection.execute(statement.format(sql.Identifier(*dress.catalog.split("."))), {"seconds": seconds})


def _names(connection: Connection, query: str, value: object) -> list[str]:
    return [row[0] for row in connection.execute(query, [value]).fetchall()]
