"""Two demos at once would share a directory: the second one is told so."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.database import DemoError

LOCK = "pgstream-demo.lock"


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for the time of the ``with`` block.

    :raises DemoError: if another process holds it, or this user may not write to it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / LOCK).open("a")  # a file of that name that is not the demo's keeps what it holds
    except OSError as error:
        raise DemoError(
            f"{directory} cannot be used ({error.strerror}): set PGSTREAM_DEMO_DIR to a directory of yours"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo is running in {directory}: stop it first") from None
        yield
