"""Ctrl-C, SIGTERM and SIGHUP become one exception, but never while a process is started and not yet known."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The demo was told to end. Not an Exception, so that nothing on the way takes it for a failure.

    :param number: the signal that said so.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class _Held:
    depth = 0
    pending: int | None = None


def listen() -> None:
    """Raise :class:`Interrupted` in the main thread when a signal asks the demo to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _received)


@contextmanager
def held() -> Iterator[None]:
    """Put a signal off to the end of the ``with`` block: what is started in it is known."""
    _Held.depth += 1
    try:
        yield
    finally:
        _Held.depth -= 1
        # In place of whatever went wrong in the block: a Ctrl-C reaches the children of this process, too.
        if _Held.pending is not None and not _Held.depth:
            number, _Held.pending = _Held.pending, None
            raise Interrupted(number)


def _received(number: int, _frame: FrameType | None) -> None:
    if _Held.depth:
        _Held.pending = number
    else:
        raise Interrupted(number)
