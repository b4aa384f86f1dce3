"""What a trigger tells the task that it resumes, and how the task reads it."""

from __future__ import annotations

from typing import Any

from airflow_provider_pgstream.exceptions import PgStreamError, by_name

SUCCESS = "success"
ERROR = "error"


def success(message: str, result: dict[str, Any]) -> dict[str, Any]:
    """
    Say that what was deferred is done.

    :param message: a remark for the task's log, or nothing.
    :param result: what the task returns.
    """
    return {"status": SUCCESS, "message": message, "result": result}


def failure(error: BaseException) -> dict[str, Any]:
    """Say that what was deferred failed, and with which error."""
    return {"status": ERROR, "message": str(error) or repr(error), "error": type(error).__name__}


def result_of(event: Any) -> tuple[str, dict[str, Any]]:
    """
    Return the remark and the result of a trigger that succeeded.

    :raises PgStreamError: the class that the trigger named, if it failed; or if this is no event of ours.
    """
    match event:
        case {"status": "success", "message": str(message), "result": dict(result)}:
            return message, result
        case {"status": "error", "message": str(message), "error": str(name)}:
            kind = by_name(name)
            raise kind(message if kind.__name__ == name else f"{name}: {message}")
    raise PgStreamError(f"resumed with an event that no trigger of this provider sends: {event!r}")
