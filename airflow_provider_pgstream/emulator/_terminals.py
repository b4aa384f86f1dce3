"""A file for other terminals: where the server is, and its password, as a shell and Airflow want them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._files import write_private
from airflow_provider_pgstream.emulator._server import PgStreamServer


@contextmanager
def env_file(path: Path | None, server: PgStreamServer) -> Iterator[None]:
    """Keep a file for the time of the ``with`` block that a shell can source, readable for the caller alone.

    :param path: None for no file.
    :raises EmulatorError: if it cannot be written.
    """
    if path is None:
        yield
        return
    place = conninfo_to_dict(server.dsn())
    variables = {f"PG{key.upper()}": str(place[key]) for key in ("host", "port", "user", "password")}
    variables["PGDATABASE"] = str(place["dbname"])
    variables["AIRFLOW_CONN_POSTGRES_DEFAULT"] = server.airflow_uri()
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, "".join(lines))
    except OSError as error:
        raise EmulatorError(f"--env-file {path} cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
