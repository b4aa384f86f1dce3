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

# One of its own where somebody has made it (`useradd --system pgstream-emulator`), else `nobody`, which is
# everywhere. Never `postgres`: on a database host that one owns the data, and peer authentication lets it in.
CANDIDATES = ("pgstream-emulator", "nobody")


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

    def make_own(self, directory: Path) -> None:
        """Make an empty directory that this user alone can look into.

        :param directory: in one that nobody but the caller can write to.
        """
        directory.mkdir(mode=0o700)
        if self.name is not None:
            os.chown(directory, self.uid, self.gid, follow_symlinks=False)

    def owns(self, path: Path) -> bool:
        """Return whether something is this user's, and no link."""
        return path.lstat().st_uid == (os.geteuid() if self.name is None else self.uid)

    def can(self, test: str, path: Path) -> bool:
        """Return whether this user passes ``test -r``, ``-w`` or ``-x`` on ``path``."""
        mode = {"-r": os.R_OK, "-w": os.W_OK, "-x": os.X_OK}[test]
        if self.name is None:
            return os.access(path, mode)
        command = ["/bin/sh", "-c", f'test {test} "$0"', str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.popen_arguments()).returncode == 0


def server_user() -> OsUser:
    """Return the caller, or for root the first of the unprivileged users that there is.

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
        f"PostgreSQL refuses to run as root, and there is no user {' and no user '.join(CANDIDATES)}: "
        f"start the emulator as an ordinary user, or run: useradd --system {CANDIDATES[0]}"
    )
