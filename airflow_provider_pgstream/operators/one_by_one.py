"""Doing something to several stream tables, one transaction each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.models import RefreshResult
from airflow_provider_pgstream.refresh_plan import RefreshReport


def one_by_one(names: Sequence[str], work: Callable[[str], RefreshResult]) -> RefreshReport:
    """Do the work for each name, go on after an error, and report on all."""
    report = RefreshReport()
    for name in names:
        try:
            report.results[name] = work(name)
        except PgStreamError as error:
            report.errors[name] = error
    return report
