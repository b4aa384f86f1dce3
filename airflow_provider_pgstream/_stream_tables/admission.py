"""
Whether a stream table may be created, or altered to what is asked: what an engine does not refuse by itself.

Before the call: what it cannot take, or would not survive. Behind it, in the same transaction: what would go
wrong later, by what the engine has understood of the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_pgstream._engines import admission, words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables import query_view, schedules
from airflow_provider_pgstream._stream_tables.spec import Spec
from airflow_provider_pgstream.exceptions import InsufficientPrivilege, InvalidStreamTable, UnsupportedQuery

_ONE_TABLE = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Append", "Gather"}
_TRANSPARENT = {*_ONE_TABLE, "Sort", "Result", "Subquery Scan", "Gather Merge", "Bitmap Index Scan"}


def admit(name: str, spec: Spec, engine: Engine) -> Program[None]:
    """
    Refuse what the engine cannot be asked for; clear away what would be in the way.

    :raises InvalidStreamTable: for a name, mode, schedule or setting that it does not have.
    :raises InsufficientPrivilege: naming the GRANT.
    """
    if engine.refused_in_names and (found := re.search(engine.refused_in_names, name)):
        raise InvalidStreamTable(
            f"{name!r} cannot be the name of a stream table on {engine.extension}: it holds {found[0]!r}; "
            "use letters, digits and underscores"
        )
    refuse_mode(spec.refresh_mode, engine)
    refuse_schedule(spec.schedule, engine)
    spec.settings.of_create(engine)
    if engine.dies_of_missing_grants:
        yield from _refuse_missing_grants(name, engine)
    yield from clear_leftovers(engine)


def refuse_mode(mode: str | None, engine: Engine) -> None:
    """
    Refuse a refresh mode that the engine does not have.

    :raises InvalidStreamTable: naming those that it has.
    """
    if mode is not None and mode not in engine.refresh_modes:
        raise InvalidStreamTable(
            f"refresh_mode={mode!r} is not known to {engine.extension}: give one of "
            f"{', '.join(engine.refresh_modes)}"
        )


def refuse_schedule(schedule: str | None, engine: Engine) -> None:
    """
    Refuse a schedule that the engine does not keep to.

    :raises InvalidStreamTable: with the duration to give instead.
    """
    if schedule is None:
        return
    if schedule.strip().lower() == words.CALCULATED:
        if engine.driven is None:
            raise InvalidStreamTable(
                f"schedule={schedule!r} is not known to {engine.extension}: give a duration, a cron "
                "expression, or None"
            )
    elif not engine.runs_cron and schedules.is_cron(schedule):
        every = schedules.interval(schedule, datetime.now(UTC))
        instead = f"about as often is schedule={every!r}; or " if every else ""
        raise InvalidStreamTable(
            f"schedule={schedule!r} is a cron expression, which {engine.extension} takes and then refreshes "
            f"without pause: {instead}give schedule=None, and refresh it from a DAG that has this schedule"
        )


def _refuse_missing_grants(name: str, engine: Engine) -> Program[None]:
    missing = [row["name"] for row in (yield Run(admission.missing_grants(engine))).rows]
    if missing:
        raise InsufficientPrivilege(
            f"stream table {name} is not created: this role has not all rights on {', '.join(missing)}, and "
            f"{engine.extension} would end the server: grant usage on schema {engine.schema} to it; grant "
            "select, "
            f"insert, update, delete on all tables in schema {engine.schema} to it; grant usage on all "
            "sequences "
            f"in schema {engine.schema} to it; grant usage, create on schema {engine.changes_schema} to it"
        )


def clear_leftovers(engine: Engine) -> Program[None]:
    """Drop what the engine has left behind of stream tables and sources that are gone."""
    if not engine.keeps_buffers or engine.keeps_positions:
        return
    for row in (yield Run(admission.leftovers(engine), {})).rows:
        yield Run(row["statement"])


def inspect(name: str, spec: Spec, engine: Engine) -> Program[str | None]:
    """
    Refuse a stream table that was just created, or return what is to be said about it.

    :raises UnsupportedQuery: if it would fail, or make its writers fail; the transaction is to be rolled
        back.
    """
    generated: list[str] = []
    if spec.refresh_mode != words.FULL:
        rows = yield from query_view.ask(spec.query, Run(admission.GENERATED_COLUMNS))
        generated = [row["name"] for row in rows or ()]
    if generated:
        raise UnsupportedQuery(
            f"the query of stream table {name} reads {', '.join(generated)}, a generated column, whose "
            "changes "
            "are not captured: write its expression in the query, or create it with refresh_mode='FULL'"
        )
    if engine.needs_key and spec.refresh_mode in (words.DIFFERENTIAL, words.AUTO):
        return (yield from _lacking_key(spec.query))
    return None


def _lacking_key(query: str) -> Program[str | None]:
    """Say so if a query of one table, which neither groups nor joins, does not return the primary key."""
    plan = (yield Run(admission.plan_of(query))).rows[0]["QUERY PLAN"][0]["Plan"]
    nodes = list(_nodes(plan))
    tables = {(node["Schema"], node["Relation Name"]) for node in nodes if "Relation Name" in node}
    if len(tables) != 1 or not {node["Node Type"] for node in nodes} <= _TRANSPARENT:
        return None
    ((schema, table),) = tables
    rows = (yield Run(admission.PRIMARY_KEY, {"schema": schema, "table": table})).rows
    returned = {str(column).rsplit(".", 1)[-1].strip('"') for column in plan.get("Output", ())}
    missing = [row["name"] for row in rows if row["name"] not in returned]
    if not missing:
        return None
    return (
        f"its query does not return {', '.join(missing)}, the primary key of {schema}.{table}: rows that are "
        "updated or deleted there may stay in it. Add the key to the query, or create it with "
        "refresh_mode='FULL'"
    )


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
