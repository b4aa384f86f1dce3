"""What a stream table's query reads at this moment, against what the engine noted when it was created."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_pgstream._engines import admission, boundaries
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.exceptions import StreamTableFailed
from airflow_provider_pgstream.models import StreamTable


def check_sources(table: StreamTable) -> Program[None]:
    """
    Refuse a stream table whose query reads what its engine does not capture, since a source was renamed.

    The catalog follows a table's oid and the query follows its name, so the engine says that all is well.

    :raises StreamTableFailed: naming the relations.
    """
    unknown = yield from unknown_relations(table.query, table)
    if unknown:
        noted = ", ".join(source.name or str(source.oid) for source in table.sources)
        raise StreamTableFailed(
            f"stream table {table.name} reads {', '.join(unknown)} now, and the changes of {noted} are "
            "captured for it: a source was renamed, or a view replaced. Drop the stream table and recreate it"
        )


def unknown_relations(query: str, table: StreamTable) -> Program[list[str]]:
    """Return what a query reads that is not among the sources of a stream table."""
    plan = (yield Run(admission.plan_of(query))).rows[0]["QUERY PLAN"]
    read = sorted(set(_relations(plan)))
    if not read:
        return []
    values = {
        "schemas": [schema for schema, _ in read],
        "tables": [name for _, name in read],
        "oids": [source.oid for source in table.sources],
    }
    return [row["name"] for row in (yield Run(boundaries.UNKNOWN_RELATIONS, values)).rows]


def check_views(table: StreamTable, engine: Engine) -> Program[None]:
    """
    Refuse a stream table one of whose views was replaced, if its query returns other rows since.

    The engine has copied the views' definitions into what it runs, and notices a replaced one in no mode.

    :raises StreamTableFailed: naming the views.
    """
    if table.needs_reinit and not engine.reinit_in_full:
        return  # the refresh takes the new definition
    replaced = (yield Run(boundaries.replaced_views(engine), {"pgs_id": table.pgs_id})).rows
    if not replaced:
        return
    as_created = replaced[0]["defining_query"]
    if (yield Run(boundaries.rows_differ(table.query, as_created))).rows[0]["differ"]:
        views = ", ".join(row["name"] for row in replaced)
        raise StreamTableFailed(
            f"stream table {table.name} reads {views} as it was when the stream table was created, and it "
            "was replaced since. Drop the stream table and recreate it"
        )


def _relations(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for item in node:
            yield from _relations(item)
    elif isinstance(node, dict):
        if "Relation Name" in node:
            yield node["Schema"], node["Relation Name"]
        for value in node.values():
            if isinstance(value, (dict, list)):
                yield from _relations(value)
