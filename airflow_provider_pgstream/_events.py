"""What a trigger tells the task that it resumes, and how the task reads it: one format for all triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pgstream._stream_tables.report import Report, raise_together
from airflow_provider_pgstream.exceptions import PgStreamError, by_name


@dataclass(frozen=True)
class Event:
    """
    How the work of a trigger ended.

    :param results: ``schema.table`` → result, as JSON can hold it: what the task returns.
    :param errors: what went wrong.
    :param message: a remark for the task's log, or nothing.
    """

    results: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[PgStreamError, ...] = ()
    message: str = ""

    def payload(self) -> dict[str, Any]:
        """Return the event as JSON can hold it."""
        return {
            "status": "error" if self.errors else "success",
            "message": self.message,
            "results": dict(self.results),
            "errors": [{"type": type(error).__name__, "message": str(error)} for error in self.errors],
        }

    def raise_errors(self) -> None:
        """
        Raise what went wrong, if anything did.

        :raises PgStreamError: the class that the trigger named.
        """
        raise_together(self.errors)


def failure(error: BaseException) -> Event:
    """Return the event for an error, which need not be one of ours."""
    if isinstance(error, PgStreamError):
        return Event(errors=(error,))
    return Event(errors=(PgStreamError(f"{type(error).__name__}: {error}"),))


def of_report(report: Report) -> Event:
    """Return the event for what became of several stream tables."""
    return Event(report.to_json(), tuple(report.errors.values()))


def read(payload: Any) -> Event:
    """
    Return the event that a task was resumed with.

    :raises PgStreamError: if this is no event of ours.
    """
    match payload:
        case {"message": str(message), "results": dict(results), "errors": list(errors)}:
            return Event(
                results, tuple(by_name(error["type"])(error["message"]) for error in errors), message
            )
    raise PgStreamError(
        f"resumed with an event that no trigger of this provider sends ({payload!r}): look into the "
        "triggerer's log, then clear the task"
    )
