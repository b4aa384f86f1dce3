"""
Whether a stream table may be refreshed by its changes: engines get some queries wrong, and do not say so.

``checked``: only where its query was tried on this engine and version, and stayed right. ``engine``: as the
engine does it, unless the query was found wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from airflow_provider_pgstream._arguments import one_of
from airflow_provider_pgstream._engines import verdicts, words
from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables.options import TRUST, RefreshOptions
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.models import StreamTable

O = TypeVar("O", bound=RefreshOptions)  # noqa: E741 - as in options

CHECK = (
    "check it with PgStreamHook.check_query, or believe the engine with trust='engine' "
    '({"trust": "engine"} in the extra of the connection)'
)


def trusting(options: O, installation: Installation) -> O:
    """Return options in which it is decided what is trusted: as given, by connection, or by engine."""
    return replace(options, trust=options.trust or trust_of(installation.place, installation.engine))


def trust_of(place: Place, engine: Engine) -> str:
    """
    Return what is trusted where nothing else is said.

    :raises InvalidStreamTable: if the connection says what is not known.
    """
    if place.trust is None:
        return words.TRUST_ENGINE if engine.is_trusted else words.TRUST_CHECKED
    try:
        return str(one_of("trust", place.trust, TRUST))
    except InvalidStreamTable as error:
        raise InvalidStreamTable(f"the extra of connection '{place.conn_id}': {error}") from None


def distrust(table: StreamTable, options: RefreshOptions, engine: Engine) -> Program[str | None]:
    """Return why a stream table in DIFFERENTIAL mode is not refreshed by its changes, or None."""
    trust = options.trust or (words.TRUST_ENGINE if engine.is_trusted else words.TRUST_CHECKED)
    verdict = yield from verdict_of(table.query, engine)
    if verdict in verdicts.BAD:
        return f"its query was tried on this engine, and {_FOUND[verdict]}; create it in FULL mode"
    if trust == words.TRUST_CHECKED and verdict != verdicts.RIGHT:
        what = "was not tried on this engine and version" if verdict is None else "could not be tried"
        return f"its query {what}, and only what was and stayed right is trusted: {CHECK}"
    return None


def verdict_of(query: str, engine: Engine) -> Program[str | None]:
    """Return the verdict that is kept about a query in DIFFERENTIAL mode."""
    if not (yield Run(verdicts.IS_THERE)).rows[0]["is_there"]:
        return None
    rows = (yield Run(verdicts.of_table(engine), {"query": query})).rows
    return str(rows[0]["verdict"]) if rows else None


def untrusted(tables: Mapping[str, StreamTable], installation: Installation) -> Program[list[str]]:
    """Return a sentence on each stream table that the scheduler refreshes by changes that are not trusted."""
    engine = installation.engine
    attended = {name for name, table in tables.items() if table.unattended_because is None}
    mine = [table for table in tables.values() if table.refresh_mode == words.DIFFERENTIAL]
    found = {table.name: None for table in mine}
    if (yield Run(verdicts.IS_THERE)).rows[0]["is_there"]:
        found = {row["name"]: row["verdict"] for row in (yield Run(verdicts.untrusted(engine))).rows}
    demanding = trust_of(installation.place, engine) == words.TRUST_CHECKED
    return [
        _doubt(name, verdict)
        for name, verdict in found.items()
        if name in attended and (verdict in verdicts.BAD or (demanding and verdict != verdicts.RIGHT))
    ]


def _doubt(name: str, verdict: str | None) -> str:
    known = _FOUND.get(str(verdict), "cannot be tried" if verdict else None)
    what = f"was tried on this engine, and {known}" if known else f"was never tried on this engine: {CHECK}"
    return f"the scheduler refreshes stream table {name} by its changes, and its query {what}"


_FOUND = {
    verdicts.WRONG: "goes wrong",
    verdicts.FAILS: "fails after some changes",
    verdicts.REFUSED: "is refused",
}
