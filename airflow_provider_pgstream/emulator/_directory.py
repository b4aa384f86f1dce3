"""The directory that holds all of a server: a temporary one, or one that is kept.

It belongs to the caller, who alone can write to it. Where PostgreSQL runs as another user, that one can go
through it to the directory ``postgres``, and owns nothing but that: so nothing that root opens, writes or
removes can be made by PostgreSQL, or whoever gets at it, to be something else.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path

from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._files import demand_trusted_path, owner_of
from airflow_provider_pgstream.emulator._os_user import OsUser

# What the first steps of a start leave, one of which is there however early it was interrupted.
SIGNS = {"postgres", "postgres.partial", "password", "password.partial"}


def make_temporary(user: OsUser) -> Path:
    """Make a directory under the machine's temporary one.

    :raises EmulatorError: if none can be had that the server's user can go through.
    """
    for parent in (None, "/tmp", "/var/tmp"):  # noqa: S108  TMPDIR may be closed to the server's user
        directory = Path(tempfile.mkdtemp(prefix="pgstream-", dir=parent)).resolve()
        directory.chmod(_mode(user))
        if user.can("-x", directory):
            return directory
        directory.rmdir()
    raise EmulatorError(
        f"no temporary directory is open to the operating-system user '{user.label}', as whom "
        "PostgreSQL runs: set TMPDIR to one that is"
    )


def make_kept(directory: Path, user: OsUser) -> Path:
    """Make a directory, or take one that is empty or was made here.

    :raises EmulatorError: if it is none of these, if it is not the caller's, if others could put something
        in its place, or if the server's user cannot go through it.
    """
    directory = directory.absolute()
    if ":" in str(directory):
        raise EmulatorError(f"--data-dir {directory}: PostgreSQL finds no extension under a path with a ':'")
    new = not os.path.lexists(directory)
    demand_trusted_path(directory)
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        _demand_own(directory)
        found = {entry.name for entry in directory.iterdir()}
    except OSError as error:
        raise EmulatorError(f"--data-dir {directory} cannot be used: {error.strerror}") from None
    if found and not found & SIGNS:
        raise EmulatorError(
            f"--data-dir {directory} is neither empty nor made by the emulator: name a new or empty one"
        )
    directory.chmod(_mode(user))
    if not user.can("-x", directory):
        if new:
            directory.rmdir()
        raise EmulatorError(
            f"--data-dir {directory} is closed to the operating-system user '{user.label}', "
            "as whom PostgreSQL runs: name a directory that this user can reach (o+x on all that leads to it)"
        )
    return directory


def _demand_own(directory: Path) -> None:
    found = directory.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise EmulatorError(f"--data-dir {directory} is a symbolic link: name the directory itself")
    if found.st_uid != os.geteuid():
        raise EmulatorError(
            f"--data-dir {directory} belongs to user {owner_of(found)}: name a new directory, or one of yours"
        )


def _mode(user: OsUser) -> int:
    return 0o700 if user.name is None else 0o711


def hold(directory: Path) -> int:
    """Let no other emulator into a directory, and return the descriptor that keeps it so while it is open.

    :raises EmulatorError: if another one is there, or what one has left behind is about to end.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise EmulatorError(
            f"--data-dir {directory} is in use by another emulator, or by one that is just ending: "
            "stop it, or name another directory"
        ) from None
    return descriptor
