"""Attempts at locks: short at first and longer as time goes by, with pauses in which writers go on."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 0.05
"""Seconds that the first attempt waits: writers queue behind it for no longer."""

LONGEST = 3.0
"""Seconds that an attempt waits at most."""

PAUSE = 2.0
"""How much longer than an attempt the pause after it is: writers go on for most of the time."""

PATIENT_AFTER = 3.0
"""Seconds of waiting after which attempts may outlast `deadlock_timeout`."""

AUTOVACUUM_MARGIN = 0.5
"""Seconds beyond `deadlock_timeout`, after which PostgreSQL ends an autovacuum that stands in the way."""


@dataclass
class Attempts:
    """
    How long the next attempt at the locks waits, and how long the pause after it is.

    :param timeout: seconds for all attempts and pauses.
    :param deadlock_timeout: the server's, in seconds.
    """

    timeout: float
    deadlock_timeout: float
    waited: float = 0.0
    length: float = FIRST

    @property
    def rest_length(self) -> float:
        """
        Seconds to wait for a second lock while one is held.

        Less than `deadlock_timeout`: then it is never a writer that PostgreSQL ends to resolve a deadlock.
        """
        return min(self.length, 0.9 * self.deadlock_timeout)

    @property
    def is_last(self) -> bool:
        """Whether no time for another is left once the attempt that is being made has failed."""
        return self.timeout - self.waited - self.length < FIRST

    def failed(self, *, autovacuum: bool) -> float:
        """
        Note that one that was not the last failed, and return the seconds to pause: longer than writers
        had to wait for it, or half of the time that is left.

        :param autovacuum: whether only an autovacuum is in the way, which PostgreSQL ends after a while.
        """
        left = self.timeout - self.waited - self.length
        pause = min(PAUSE * self.length, left / 2)  # or the last attempt would begin after the time is over
        self.waited += self.length + pause
        longer = min(self.length * 2, LONGEST)
        if autovacuum:
            longer = max(longer, self.deadlock_timeout + AUTOVACUUM_MARGIN)
        elif self.waited < PATIENT_AFTER:
            longer = min(longer, 0.9 * self.deadlock_timeout)
        self.length = min(longer, self.timeout - self.waited)
        return pause
