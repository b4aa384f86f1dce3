"""Patience with another session that refreshes the same stream table: growing pauses, up to a time."""

from __future__ import annotations

import random
import time

from airflow_provider_pgstream.models import RefreshResult

SKIPPED_AS_BUSY = RefreshResult("skipped", reason="another session is refreshing it")

FIRST, LONGEST = 0.5, 10.0
"""Seconds between two attempts at a busy stream table."""


class Patience:
    """
    How long to pause before the next attempt.

    :param timeout: seconds for all of them.
    """

    def __init__(self, timeout: float) -> None:
        self._ends = time.monotonic() + timeout
        self._length = FIRST

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._ends

    def pause(self) -> float:
        """Return the seconds to pause now."""
        # At random, or twenty that began together would collide again and again.
        length = self._length * random.uniform(0.3, 1.0)  # noqa: S311
        self._length = min(self._length * 2, LONGEST)
        return max(0.0, min(length, self._ends - time.monotonic()))
