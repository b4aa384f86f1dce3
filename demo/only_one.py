"""Two demos at once would share a directory: the second one is told so."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.database import DemoError


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for the time of the ``with`` block.

    :raises DemoError: if another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo is running in {directory}: stop it first") from None
        yield
