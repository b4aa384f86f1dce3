"""The server's files: data directory, configuration, and the copy of the extension."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_pgstream.emulator._binaries import MAJOR, Binaries
from airflow_provider_pgstream.emulator._dresses import Dress
from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._extension_files import install_extension
from airflow_provider_pgstream.emulator._interrupts import put_off
from airflow_provider_pgstream.emulator._os_user import OsUser

INITDB = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
)

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a %d ",
}
# Data that nobody keeps need not survive a power failure. It does survive a crash of the server, which tests
# of clients make happen, and for which synchronous_commit stays on.
THROWAWAY = {"fsync": "off", "full_page_writes": "off"}


class Cluster:
    """One directory that holds all that a server needs and leaves: ``postgres/``, ``share/`` and the logs."""

    def __init__(self, directory: Path | None, user: OsUser, dress: Dress) -> None:
        self.dress = dress
        self.temporary = directory is None
        self.user = user
        self.directory = self._kept(directory) if directory else self._throwaway()
        self.data_dir = self.directory / "postgres"
        self.share_dir = self.directory / "share"
        self.server_log = self.directory / "server.log"
        self.scheduler_log = self.directory / "scheduler.log"

    def _throwaway(self) -> Path:
        for parent in (None, "/tmp", "/var/tmp"):  # noqa: S108  TMPDIR may be closed to the server's user
            directory = Path(tempfile.mkdtemp(prefix="pgstream-", dir=parent)).resolve()
            self.user.give(directory)
            if self.user.can("-w", directory):
                return directory
            directory.rmdir()
        raise EmulatorError(
            f"no temporary directory is open to the operating-system user '{self.user.label}', as whom "
            "PostgreSQL runs: set TMPDIR to one that is"
        )

    def _kept(self, directory: Path) -> Path:
        directory = directory.absolute()
        new = not directory.exists()
        if ":" in str(directory):
            raise EmulatorError(
                f"--data-dir {directory}: PostgreSQL finds no extension under a path with a ':'"
            )
        try:
            directory.mkdir(parents=True, exist_ok=True)
            found = {entry.name for entry in directory.iterdir()}
        except OSError as error:
            raise EmulatorError(f"--data-dir {directory} cannot be used: {error.strerror}") from None
        if found and "postgres" not in found and "postgres.partial" not in found:
            raise EmulatorError(
                f"--data-dir {directory} is neither empty nor made by the emulator: name a new or empty one"
            )
        if not found:
            self.user.give(directory)
        if not self.user.can("-w", directory):
            if new:
                directory.rmdir()
            raise EmulatorError(
                f"--data-dir {directory} is closed to the operating-system user '{self.user.label}', "
                "as whom PostgreSQL runs: name a directory that this user can reach and write to"
            )
        return directory

    def is_new(self) -> bool:
        """Return whether there is no data directory yet."""
        return not self.data_dir.exists()

    def initialise(self, binaries: Binaries, password: str) -> None:
        """Make the data directory, whole or not at all."""
        partial = self.directory / "postgres.partial"
        shutil.rmtree(partial, ignore_errors=True)
        password_file = self.directory / "password"  # the only way that initdb takes one from a program
        password_file.touch(mode=0o600)
        password_file.write_text(password + "\n")
        self.user.give(password_file)
        arguments = [*INITDB, f"--pwfile={password_file}", "-D", str(partial)]
        complaint = self._initdb([str(binaries.bin_dir / "initdb"), *arguments])
        password_file.unlink()
        if complaint:
            raise EmulatorError(f"initdb of PostgreSQL {binaries.version} failed: {complaint}")
        partial.rename(self.data_dir)

    def _initdb(self, command: list[str]) -> str | None:
        process = None
        try:
            with put_off():  # what was put off is raised where this block ends
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd="/",
                    env=environment(),
                    start_new_session=True,
                    **self.user.popen_arguments(),
                )
            _, said = process.communicate()
        except BaseException:
            if process is not None:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # with its child, which would go on writing files
                process.communicate()
            raise
        return said.strip() if process.returncode else None

    def configure(self, settings: Mapping[str, str], authentication: str) -> None:
        """Write the configuration and, at the first start, the extension's files.

        :raises EmulatorError: if the data was made by another PostgreSQL, or with another extension.
        """
        version = (self.data_dir / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise EmulatorError(
                f"--data-dir {self.directory} was made by PostgreSQL {version}, not {MAJOR}: name a new one"
            )
        install_extension(self.share_dir, self.dress)
        values = (
            SETTINGS | self.dress.named_settings() | {"extension_control_path": f"{self.share_dir}:$system"}
        )
        values |= THROWAWAY if self.temporary else {}
        values |= settings
        lines = [f"{name} = '{_escaped(value)}'\n" for name, value in values.items()]
        (self.data_dir / "postgresql.conf").write_text("".join(lines))
        (self.data_dir / "pg_hba.conf").write_text(f"host all all 127.0.0.1/32 {authentication}\n")
        self.user.give(self.share_dir)
        self.user.give(self.data_dir)

    def complaint(self, since: int) -> str:
        """Return what the server's log has said since byte ``since`` that explains why it did not start."""
        with open(self.server_log, "rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        messages = [re.sub(r"^.*?\b([A-Z]+):  ", r"\1: ", line) for line in lines]
        telling = [message for message in messages if not message.endswith("is shut down")]
        return " / ".join(telling[-3:]) or "its log is empty"

    def remove(self) -> None:
        """Remove a temporary directory; a kept one stays."""
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)


def environment() -> dict[str, str]:
    """Return the environment for PostgreSQL's programs: the caller's, without what would mislead them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _escaped(value: str) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "''")
