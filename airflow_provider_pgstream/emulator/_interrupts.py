"""Keeps an interrupt from falling between the start of a child process and the knowledge of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@contextmanager
def put_off() -> Iterator[None]:
    """Let signals that would end this process wait for the end of the ``with`` block.

    A child that is started in it has them blocked, too, until it calls :func:`let_in`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_in() -> None:
    """Receive the signals that were put off by whoever started this process: its handlers are in place."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
