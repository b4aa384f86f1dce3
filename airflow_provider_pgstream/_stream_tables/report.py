"""What became of several stream tables: results and errors, together, as JSON and as one error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.models import RefreshResult


@dataclass
class Report:
    """
    What became of each stream table.

    :param results: name → result, in the order in which they were worked on.
    :param errors: name → error, of those that failed.
    """

    results: dict[str, RefreshResult] = field(default_factory=dict)
    errors: dict[str, PgStreamError] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return name → result as JSON can hold it, those that failed at the end: what operators return."""
        failed = {name: RefreshResult("failed", reason=str(error)) for name, error in self.errors.items()}
        return {name: result.to_json() for name, result in (self.results | failed).items()}

    def raise_errors(self) -> None:
        """
        Raise one error that names all that failed, if any did.

        :raises PgStreamError: of the class that all of them share, if they do.
        """
        raise_together(list(self.errors.values()))


def one_by_one(names: Sequence[str], work: Callable[[str], RefreshResult]) -> Report:
    """Do the work for each name, go on after an error, and report on all."""
    report = Report()
    for name in names:
        try:
            report.results[name] = work(name)
        except PgStreamError as error:
            report.errors[name] = error
    return report


def raise_together(errors: Sequence[PgStreamError]) -> None:
    """
    Raise one error for several, if there are any.

    :raises PgStreamError: of the class that all of them share, if they do.
    """
    if not errors:
        return
    first = errors[0]
    if len(errors) == 1:
        raise first
    shared = {type(error) for error in errors}
    kind = shared.pop() if len(shared) == 1 else PgStreamError
    # Once where one sentence is about all of them, such as a lock that did not come.
    sentences = dict.fromkeys(map(str, errors))
    raise kind(f"{len(errors)} stream tables failed: {'; '.join(sentences)}") from first
