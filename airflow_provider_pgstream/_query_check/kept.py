"""Verdicts that are kept in the database: found again by the query, the engine, its version and the mode."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from airflow_provider_pgstream._engines import statements, verdicts
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._query_check.check import CheckOptions, check
from airflow_provider_pgstream._stream_tables.spec import normalize, refresh_mode_word
from airflow_provider_pgstream.models import QueryVerdict


def check_and_keep(
    query: str, refresh_mode: str, options: CheckOptions, installation: Installation
) -> Program[QueryVerdict]:
    """Try a query, and keep what was found."""
    verdict = yield from check(query, refresh_mode, options, installation)
    return (yield from keep(verdict))


def known_or_check(
    query: str, refresh_mode: str, options: CheckOptions, installation: Installation
) -> Program[QueryVerdict]:
    """Return what is kept about a query, or try it."""
    found = yield from find(query, refresh_mode, installation)
    if found is not None:
        return found
    return (yield from check_and_keep(query, refresh_mode, options, installation))


def find(query: str, refresh_mode: str, installation: Installation) -> Program[QueryVerdict | None]:
    """Return what is kept about a query on this engine and version, in a mode."""
    if not (yield Run(verdicts.IS_THERE)).rows[0]["is_there"]:
        return None
    values = {"query": normalize(query), "refresh_mode": refresh_mode_word(refresh_mode)}
    rows = (yield Run(verdicts.kept(installation.engine), values)).rows
    return QueryVerdict.from_row(rows[0]) if rows else None


def keep(verdict: QueryVerdict) -> Program[QueryVerdict]:
    """Keep a verdict; it says so where this role may not."""
    values = {key: value for key, value in verdict.to_json().items() if key not in ("checked_at", "seconds")}
    yield Run(f"{statements.BEGIN}; {statements.LOCK_CREATION}")
    try:
        if not (yield Run(verdicts.IS_THERE)).rows[0]["is_there"]:
            yield Run(verdicts.MAKE)
        yield Run(verdicts.KEEP, values)
        yield Run(statements.COMMIT)
    except psycopg.errors.InsufficientPrivilege as error:
        yield Run(statements.ROLLBACK)
        why = error.diag.message_primary
        return replace(
            verdict,
            sentence=f"{verdict.sentence}. It is not kept ({why}): grant insert, update on "
            f"{verdicts.TABLE} to this role",
        )
    return verdict
