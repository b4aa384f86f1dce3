"""The server's files: data directory, configuration, and the copy of the extension."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_provider_pgstream.emulator._binaries import MAJOR, Binaries
from airflow_provider_pgstream.emulator._directory import hold, make_kept, make_temporary
from airflow_provider_pgstream.emulator._dresses import Dress
from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._extension_files import install_extension
from airflow_provider_pgstream.emulator._files import owner_of, read_own_line, write_private
from airflow_provider_pgstream.emulator._interrupts import put_off
from airflow_provider_pgstream.emulator._os_user import OsUser

INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
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
    """
    A server's directory: ``postgres/``, which is the server's user's own, and what only the caller can write.

    That is ``password``, which only the caller can read, the configuration, ``share/`` with the extension,
    and the logs.
    """

    def __init__(self, directory: Path | None, user: OsUser, dress: Dress) -> None:
        self.dress = dress
        self.temporary = directory is None
        self.user = user
        self.directory = make_kept(directory, user) if directory else make_temporary(user)
        self.held = hold(self.directory)
        self.data_dir = self.directory / "postgres"
        self.config_file = self.directory / "postgresql.conf"
        self.hba_file = self.directory / "pg_hba.conf"
        self.share_dir = self.directory / "share"
        self.server_log = self.directory / "server.log"
        self.scheduler_log = self.directory / "scheduler.log"
        self._password_file = self.directory / "password"

    def is_new(self) -> bool:
        """Return whether there is no data directory yet."""
        return not os.path.lexists(self.data_dir)

    def password(self) -> str | None:
        """Return the password of role ``postgres`` as it was kept, if it was."""
        return read_own_line(self._password_file)

    def keep_password(self, password: str) -> None:
        """Keep the password of role ``postgres`` for the next start, readable for the caller alone."""
        if password != self.password():
            write_private(self._password_file, password + "\n")

    def initialise(self, binaries: Binaries, password: str, options: Sequence[str] = ()) -> None:
        """Make the data directory, whole or not at all.

        :param options: of ``initdb``, beside those that it always gets.
        """
        partial = self.directory / "postgres.partial"
        shutil.rmtree(partial, ignore_errors=True)
        self.user.make_own(partial)
        password_file = self.directory / "password.initdb"  # the only way that it takes one from a program
        write_private(password_file, password + "\n", self.user)
        arguments = [*INITDB, *options, f"--pwfile={password_file}", "-D", str(partial)]
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
                    pass_fds=(self.held,),  # if this process is killed, nobody comes before initdb has ended
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

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the configuration and, at the first start, who is let in and the extension's files.

        :raises EmulatorError: if the data was made by another PostgreSQL, by another user, or with another
            extension.
        """
        self._demand_readable()
        install_extension(self.share_dir, self.dress)
        values = (
            SETTINGS | self.dress.named_settings() | {"extension_control_path": f"{self.share_dir}:$system"}
        )
        values |= THROWAWAY if self.temporary else {}
        values |= settings
        lines = [f"{name} = '{_escaped(value)}'\n" for name, value in values.items()]
        write_private(self.config_file, "".join(lines), self.user)
        if not os.path.lexists(self.hba_file):  # what somebody has made of it stays
            write_private(self.hba_file, "host all all 127.0.0.1/32 scram-sha-256\n", self.user)

    def _demand_readable(self) -> None:
        if not self.user.owns(self.data_dir):
            raise EmulatorError(
                f"{self.data_dir} belongs to user {owner_of(self.data_dir.lstat())}, and PostgreSQL would "
                f"run as {self.user.label}: chown -R {self.user.label} {self.data_dir}, or name another"
            )
        version = read_own_line(self.data_dir / "PG_VERSION")
        if version != str(MAJOR):
            raise EmulatorError(
                f"--data-dir {self.directory} was made by PostgreSQL {version}, not {MAJOR}: name a new one"
            )

    def options(self) -> list[str]:
        """Return what the program ``postgres`` is told of its files."""
        return [
            *("-D", str(self.data_dir)),
            *("-c", f"config_file={self.config_file}"),
            *("-c", f"hba_file={self.hba_file}"),
        ]

    def complaint(self, since: int) -> str:
        """Return what the server's log has said since byte ``since`` that explains why it did not start."""
        with open(self.server_log, "rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        messages = [re.sub(r"^.*?\b([A-Z]+):  ", r"\1: ", line) for line in lines]
        telling = [message for message in messages if not message.endswith("is shut down")]
        return " / ".join(telling[-3:]) or "its log is empty"

    def leave(self) -> None:
        """Remove a temporary directory; a kept one stays, for whoever comes next."""
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self.held)


def environment() -> dict[str, str]:
    """Return the environment for PostgreSQL's programs: the caller's, without what would mislead them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _escaped(value: str) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "''")
