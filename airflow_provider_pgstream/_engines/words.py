"""The words that all engines share: statuses, refresh modes, kinds of sources."""

from __future__ import annotations

INITIALIZING = "INITIALIZING"
ACTIVE = "ACTIVE"
SUSPENDED = "SUSPENDED"
ERROR = "ERROR"
STATUSES = (INITIALIZING, ACTIVE, SUSPENDED, ERROR)

DIFFERENTIAL = "DIFFERENTIAL"
FULL = "FULL"
AUTO = "AUTO"
"""DIFFERENTIAL where the query allows it, else FULL; what came of it is what the catalog says."""

IMMEDIATE = "IMMEDIATE"
"""Kept right by the transactions that write its sources."""

REFRESH_MODES = (DIFFERENTIAL, FULL, AUTO, IMMEDIATE)
"""What a user may ask for; an engine has some of them."""

EXTERNAL = "EXTERNAL"
"""The orchestration mode of what only a refresh by hand refreshes."""

ORCHESTRATION_MODES = (EXTERNAL, "MANAGED")

CALCULATED = "calculated"
"""The schedule of what is refreshed after the stream tables that read it ask for it."""

NO_DATA = "NO_DATA"
"""The action of a scheduled refresh that found nothing to do."""

SOURCE_TABLE = "TABLE"
SOURCE_STREAM_TABLE = "STREAM_TABLE"
SOURCE_VIEW = "VIEW"

TRIGGER = "TRIGGER"
WAL = "WAL"
"""How the changes of a source are captured."""

MAX_NAME_BYTES = 63

_SYNONYMS = {"PAUSED": SUSPENDED, "RESUMED": ACTIVE}


def status_word(word: str) -> str:
    """
    Return the engine's word for a status, whichever of both words and whatever case is given.

    :raises ValueError: if no engine has such a status.
    """
    upper = word.strip().upper()
    status = _SYNONYMS.get(upper, upper)
    if status not in STATUSES:
        raise ValueError(f"unknown status {word!r}: expected one of {', '.join((*STATUSES, 'PAUSED'))}")
    return status


def display_status(status: str) -> str:
    """Return a status as messages say it."""
    return "SUSPENDED (paused)" if status == SUSPENDED else status
