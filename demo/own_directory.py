"""The directory that the demo empties: only one that bears the demo's own mark."""

from __future__ import annotations

import shutil
from pathlib import Path

from demo.database import DemoError

MARK = ".made-by-pgstream-demo"


def emptied(directory: Path) -> Path:
    """Return a directory that holds nothing but the mark; what an earlier demo left in it is removed.

    :raises DemoError: if something stands there that the demo did not make.
    """
    try:
        if directory.is_symlink() or (directory.exists() and not _own(directory)):
            raise DemoError(
                f"{directory} is not marked as the demo's ({MARK} is not in it), and would be emptied: "
                "set PGSTREAM_DEMO_DIR to another directory, or remove it yourself"
            )
        directory.mkdir(exist_ok=True)
        mark = directory / MARK
        mark.touch()
        # The mark stays, so that a removal that is interrupted can be gone on with.
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != mark:
                entry.unlink()
    except OSError as error:
        raise DemoError(f"{directory} cannot be emptied: {error}") from error
    return directory


def _own(directory: Path) -> bool:
    return directory.is_dir() and ((directory / MARK).is_file() or not any(directory.iterdir()))
