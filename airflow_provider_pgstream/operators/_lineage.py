"""What OpenLineage learns of a task on stream tables: their sources, as the engine's catalog has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pgstream.hooks.pgstream import PgStreamHook


def lineage_of(hook: PgStreamHook, names: Sequence[str]) -> Any:
    """
    Return the ``OperatorLineage`` of stream tables: inputs their sources, outputs they themselves.

    Namespace and names are the postgres provider's: ``postgres://host:port``, ``database.schema.table``.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset, SQLJobFacet
    from airflow.providers.openlineage.extractors import OperatorLineage

    place = hook.target.place

    def _dataset(name: str) -> Dataset:
        return Dataset(namespace=place.uri, name=f"{place.database_name}.{name}")

    tables = [hook.get(name) for name in names]
    sources = dict.fromkeys(source.name for table in tables for source in table.sources if source.name)
    queries = "\n;\n".join(table.query for table in tables)
    return OperatorLineage(
        inputs=[_dataset(source) for source in sources],
        outputs=[_dataset(table.name) for table in tables],
        job_facets={"sql": SQLJobFacet(query=queries)},
    )
