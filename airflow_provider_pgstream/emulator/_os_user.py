"""Which operating-system user runs PostgreSQL, which refuses to be root."""

from __future__ import annotations

import getpass
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pgstream.emulator._errors import EmulatorError

# `postgres` where PostgreSQL is packaged, `nobody` everywhere else; neither has to be made first.
CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class OsUser:
    """The user for PostgreSQL's processes; ``name`` is None where it is simply the caller."""

    name: str | None = None
    uid: int = -1
    gid: int = -1

    @property
    def label(self) -> str:
        """The user's name, for messages."""
        return self.name or getpass.getuser()

    def popen_arguments(self) -> dict[str, Any]:
        """Return the arguments of :class:`subprocess.Popen` that make a child this user."""
        return {} if self.name is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make this user the owner of a file, or of a directory and everything in it."""
        if self.name is None:
            return
        os.chown(path, self.uid, self.gid)
        for parent, directories, files in os.walk(path):
            for name in [*directories, *files]:
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)

    def can(self, test: str, path: Path) -> bool:
        """Return whether this user passes ``test -r``, ``-w`` or ``-x`` on ``path``."""
        mode = {"-r": os.R_OK, "-w": os.W_OK, "-x": os.X_OK}[test]
        if self.name is None:
            return os.access(path, mode)
        command = ["/bin/sh", "-c", f'test {test} "$0"', str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.popen_arguments()).returncode == 0


def server_user() -> OsUser:
    """Return the caller, or for root the first unprivileged user that there is.

    :raises EmulatorError: for root on a machine without such a user.
    """
    if os.geteuid() != 0:
        return OsUser()
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(name, entry.pw_uid, entry.pw_gid)
    raise EmulatorError(
        "PostgreSQL refuses to run as root, and this machine has neither a user 'postgres' nor a user "
        "'nobody': start the emulator as an ordinary user"
    )
