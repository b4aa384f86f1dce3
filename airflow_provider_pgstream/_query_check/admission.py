"""Whether a stream table may be created with a query: after it was tried, or is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._query_check.check import CheckOptions
from airflow_provider_pgstream._query_check.kept import known_or_check
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream.exceptions import UnsupportedQuery
from airflow_provider_pgstream.models import QueryVerdict

CHECK_QUERY = ("fail", "warn", "full", "off")
"""What is done with a query that goes wrong."""


def admitted(
    name: str, spec: Spec, check_query: str, installation: Installation, warn: Callable[[str], None]
) -> Program[Spec]:
    """
    Return what a stream table is to be, now that its query was tried.

    A stream table that has the query already is left alone, so a daily DAG pays once. The emulator is never
    wrong, and who trusts the engine by the connection has said so: nothing is tried there.

    :param name: ``schema.table``.
    :param check_query: ``fail``; ``warn``; ``full``: create it in FULL mode then; ``off``.
    :param warn: is told what is not right.
    :raises UnsupportedQuery: with ``fail``, if the query goes wrong, fails or is refused.
    """
    if check_query == "off" or spec.refresh_mode == words.FULL or installation.engine.is_emulated:
        return spec
    if installation.place.trust == words.TRUST_ENGINE:
        return spec
    if not (yield from _is_new(name, spec, installation)):
        return spec
    verdict = yield from known_or_check(spec.query, spec.refresh_mode, CheckOptions(), installation)
    return _decided(name, spec, verdict, check_query, warn)


def _is_new(name: str, spec: Spec, installation: Installation) -> Program[bool]:
    table = (yield from fetch(installation.engine, [name])).get(name)
    if table is None:
        return True
    same = table.query.strip() == spec.query.strip() and table.refresh_mode != words.FULL
    return spec.if_exists == "replace" and not same


def _decided(
    name: str, spec: Spec, verdict: QueryVerdict, check_query: str, warn: Callable[[str], None]
) -> Spec:
    if verdict.is_right:
        return spec
    about = f"stream table {name}: {verdict.sentence}"
    if check_query == "full":
        warn(f"{about}. It is created in FULL mode")
        return replace(spec, refresh_mode=words.FULL)
    if check_query == "fail" and verdict.verdict != "unknown":
        raise UnsupportedQuery(
            f"{about}. PgStreamHook.check_query shows an example; check_query='full' creates it in FULL "
            "mode, 'warn' and 'off' as it is"
        )
    warn(about)
    return spec
