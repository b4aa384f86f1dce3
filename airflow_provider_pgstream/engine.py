"""Every name of the engine's catalog, once, so that the next engine is a second set of names."""

from __future__ import annotations

import psycopg

EXTENSION = "pg_stream"
LATER_EXTENSION = "pg_trickle"
EMULATOR_SUFFIX = "-emulator"

SCHEMA = "pgstream"
CHANGES_SCHEMA = "pgstream_changes"
CATALOG = f"{SCHEMA}.pgs_stream_tables"
DEPENDENCIES = f"{SCHEMA}.pgs_dependencies"
HISTORY = f"{SCHEMA}.pgs_refresh_history"

ROW_ID = "__pgs_row_id"
ROW_COUNT = "__pgs_count"
INTERNAL_COLUMNS = (ROW_ID, ROW_COUNT)

ALERT_CHANNEL = "pg_stream_alert"
CHANGE_TRIGGER = "pg_stream_cdc_"
TRUNCATE_TRIGGER = "pg_stream_cdc_truncate_"
SCHEDULER_PROCESS = "pg_stream scheduler"
SCHEDULER_DATABASE = "postgres"
"""pg_stream 0.1.1 runs its scheduler in this database only."""

SEARCH_PATH = "public"
"""The one search path under which every call is made: the engine stores unqualified names as written."""

CREATION_LOCK = (1885827956, 1)
"""Transaction-level advisory lock that serialises creation; the dbt package takes the same one."""

MAX_NAME_BYTES = 63

INITIALIZING = "INITIALIZING"
ACTIVE = "ACTIVE"
SUSPENDED = "SUSPENDED"
ERROR = "ERROR"
STATUSES = (INITIALIZING, ACTIVE, SUSPENDED, ERROR)

DIFFERENTIAL = "DIFFERENTIAL"
FULL = "FULL"
REFRESH_MODES = (DIFFERENTIAL, FULL)

SOURCE_TABLE = "TABLE"
SOURCE_STREAM_TABLE = "STREAM_TABLE"

CHATTER = ("[PGS_PROFILE]", "[pg_stream]", "no previous frontier")
"""What the engine says for its own developers; it stays out of task logs."""

SYNONYMS = {"PAUSED": SUSPENDED, "RESUMED": ACTIVE}


def status_word(word: str) -> str:
    """
    Return the engine's word for a status, whichever of both words and whatever case is given.

    :raises ValueError: if the engine has no such status.
    """
    upper = word.strip().upper()
    status = SYNONYMS.get(upper, upper)
    if status not in STATUSES:
        raise ValueError(f"unknown status {word!r}: expected one of {', '.join((*STATUSES, 'PAUSED'))}")
    return status


def spoken(status: str) -> str:
    """Return a status as messages say it."""
    return "SUSPENDED (paused)" if status == SUSPENDED else status


def is_chatter(message: str) -> bool:
    """Tell whether a message of the engine is of no use in a task's log."""
    return any(word in message for word in CHATTER)


def severity(diagnostic: psycopg.errors.Diagnostic) -> str:
    """Return the severity of a server message, in English whatever the server's language is."""
    return diagnostic.severity_nonlocalized or diagnostic.severity or "NOTICE"
