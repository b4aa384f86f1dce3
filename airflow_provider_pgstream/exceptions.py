"""One class for each thing that a user would handle."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException

__all__ = [
    "PgStreamError",
    "ConnectionFailed",
    "EngineNotInstalled",
    "EngineNotSupported",
    "InsufficientPrivilege",
    "InvalidStreamTable",
    "UnsupportedQuery",
    "StreamTableNotFound",
    "StreamTableExists",
    "StreamTableSuspended",
    "StreamTableFailed",
    "StreamTableStale",
    "CaptureBroken",
    "EngineUnhealthy",
    "StreamTableUnattended",
    "StreamTableDiffers",
    "RefreshInProgress",
    "SourceLocked",
    "DependentObjectsExist",
]


class PgStreamError(AirflowException):
    """
    Anything that went wrong with a stream table; its text names the object and what to do.

    :param sqlstate: the database's code, where the database raised it.
    """

    sqlstate: str | None = None


class ConnectionFailed(PgStreamError):
    """The server cannot be reached, refuses the login, or went away."""


class EngineNotInstalled(PgStreamError):
    """The database has no pg_stream extension."""


class EngineNotSupported(PgStreamError):
    """The database has an engine, or a version of it, that this provider does not know."""


class InsufficientPrivilege(PgStreamError):
    """The role lacks a right; the text holds the GRANT."""


class InvalidStreamTable(PgStreamError, ValueError):
    """A name, schedule, mode, status or other argument that is refused."""


class UnsupportedQuery(PgStreamError):
    """The engine refuses the defining query."""


class StreamTableNotFound(PgStreamError):
    """No such stream table."""


class StreamTableExists(PgStreamError):
    """The name is taken."""


class StreamTableSuspended(PgStreamError):
    """The stream table is SUSPENDED (paused)."""


class StreamTableFailed(PgStreamError):
    """The stream table is in ERROR, or its refresh raised an error."""


class StreamTableStale(PgStreamError):
    """The stream table's data is older than a sensor's ``error_staleness``."""


class CaptureBroken(PgStreamError):
    """Changes of a source are not captured, or the scheduler is dead or moves nothing."""


class EngineUnhealthy(PgStreamError):
    """A check of the engine's own says WARN or ERROR."""


class StreamTableUnattended(PgStreamError):
    """What is waited for will never come by itself."""


class StreamTableDiffers(PgStreamError):
    """The stream table does not hold what its query returns."""


class RefreshInProgress(PgStreamError):
    """Another session is refreshing the stream table."""


class SourceLocked(PgStreamError):
    """A source could not be locked in time; the text names the sessions that hold it."""


class DependentObjectsExist(PgStreamError):
    """Views or other stream tables would go with it."""


def by_name(name: str) -> type[PgStreamError]:
    """Return the class of that name, for an error that a trigger's event carries."""
    found = globals().get(name)
    return found if isinstance(found, type) and issubclass(found, PgStreamError) else PgStreamError
