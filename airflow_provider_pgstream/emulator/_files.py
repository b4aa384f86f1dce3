"""Files that other users of the machine can neither read, nor put something else in the place of."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._os_user import OsUser

FEW = 4096  # bytes; what is read from the server's own files is a line or two


def write_private(path: Path, text: str, reader: OsUser | None = None) -> None:
    """Write a file whole or not at all, and replace what is there; a link is replaced, not followed.

    :param path: in a directory that nobody else can write to.
    :param reader: a user who may read it beside the caller.
    """
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        if reader is not None and reader.name is not None:
            os.fchown(descriptor, -1, reader.gid)
            os.fchmod(descriptor, 0o640)
        file.write(text)
    partial.replace(path)


def read_own_line(path: Path) -> str | None:
    """Return the first line of a small file, or None if there is none; a link is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EmulatorError(f"{path} cannot be read: {error.strerror}") from None
    with open(descriptor, "rb") as file:
        text = file.read(FEW).decode(errors="replace")
    return text.partition("\n")[0]


def demand_trusted_path(path: Path) -> None:
    """Return if nobody but root and the caller can put something else in the place of ``path``.

    :param path: absolute; it need not exist.
    :raises EmulatorError: if someone else owns, or everybody can write to, what leads to it.
    """
    for part in (*reversed(path.parents), *reversed(path.resolve().parents)):
        try:
            found = part.lstat()
        except FileNotFoundError:
            continue
        if found.st_uid not in (0, os.geteuid()):
            who = f"user {owner_of(found)}, to whom {part} belongs,"
        elif (
            stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        ):
            who = f"everybody, because {part} is writable for all,"
        else:
            continue
        raise EmulatorError(
            f"--data-dir {path} is not safe: {who} can put something else in its place; name a directory "
            "in one that only you can write to"
        )


def owner_of(found: os.stat_result) -> str:
    """Return the name of a file's owner, for messages."""
    try:
        return pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        return str(found.st_uid)
