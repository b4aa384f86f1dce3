"""The password of role ``postgres``: given, kept with the data, or a random one."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg

from airflow_provider_pgstream.emulator._binaries import Binaries
from airflow_provider_pgstream.emulator._cluster import Cluster
from airflow_provider_pgstream.emulator._errors import EmulatorError

BYTES = 24  # of a random one


def read_password(file: Path) -> str:
    """Return what the first line of a user's file says.

    :raises EmulatorError: if there is no such file, or nothing in it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EmulatorError(f"--password-file {file} cannot be read: {error}") from None
    return _demand_usable(lines[0] if lines else "")


def initialise(cluster: Cluster, binaries: Binaries, given: str | None) -> None:
    """Make a data directory with a password, and keep that beside it."""
    password = secrets.token_urlsafe(BYTES) if given is None else _demand_usable(given)
    cluster.keep_password(password)
    # Rounds make a password hard to guess. A random one is that without, and they cost every session.
    cluster.initialise(binaries, password, ["--set=scram_iterations=1"] if given is None else [])


def known(cluster: Cluster, given: str | None) -> str:
    """Return the password of a data directory that is there.

    :raises EmulatorError: if none is kept, and none was given.
    """
    password = cluster.password() if given is None else given
    if password is None:
        raise EmulatorError(
            f"--data-dir {cluster.directory} has no file 'password': it was made by an earlier version, or "
            "the file was removed; give the password of role postgres with --password-file (earlier versions "
            "had 'postgres' where none was given)"
        )
    return _demand_usable(password)


def keep(cluster: Cluster, dsn: str) -> None:
    """Keep the password of a DSN for the next start, if the server takes it.

    :raises EmulatorError: if it does not.
    """
    try:
        with psycopg.connect(dsn, sslmode="disable", connect_timeout=10) as session:
            cluster.keep_password(session.info.password)
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        raise EmulatorError(
            f"--data-dir {cluster.directory}: role postgres has another password than the one given, "
            "or the one that is kept in its file 'password': give the right one with --password-file"
        ) from None


def _demand_usable(password: str) -> str:
    if not password or "\n" in password:
        raise EmulatorError("a password has at least one character, and is one line")
    return password
