"""Where a model's stream table really lies: only dbt's manifest knows, because Cosmos sees the schema before
``generate_schema_name``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_pgstream.cosmos._settings import model_config
from airflow_provider_pgstream.exceptions import PgStreamError


class StreamTableUngated(PgStreamError):
    """A model made a stream table, and nothing downstream waits for it."""


STREAM_TABLE_KEY = "pgstream_stream_table"
MODEL_KEY = "pgstream_model"
BEGAN_KEY = "pgstream_began"


def stream_table_of(node: Mapping[str, Any]) -> str:
    """
    Return ``schema.table`` of the stream table that the dbt package makes for a model.

    :param node: the model as the manifest has it.
    """
    schema = model_config(node["config"], "stream_table_schema") or node["schema"]
    name = model_config(node["config"], "stream_table_name") or node["alias"]
    return f"{schema}.{name}"


def node_of(manifest: Mapping[str, Any], unique_id: str) -> Mapping[str, Any] | None:
    """
    Return a model of the manifest; None if it has none of that id.

    Cosmos' own parser takes the folder's name for the project's, so that the id may differ there.
    """
    nodes = manifest["nodes"]
    own = f"model.{manifest['metadata'].get('project_name')}.{unique_id.split('.', 2)[-1]}"
    node: Mapping[str, Any] | None = nodes.get(unique_id) or nodes.get(own)
    return node


def push_relation(project_dir: str, *, context: Any, unique_id: str, **_: Any) -> None:
    """
    Push to XCom which stream table a model's run has made, and when the run began.

    Cosmos calls it as the run task's ``callback``, whether dbt succeeded or not: so it raises nothing that
    would stand in the place of dbt's own error. A gate that finds no relation says so itself.
    """
    ti = context["ti"]
    # dag.test() of Airflow 2 leaves the start out.
    began = ti.start_date or datetime.now(UTC)
    ti.xcom_push(key=BEGAN_KEY, value=began.isoformat())
    node = node_of_run(project_dir, unique_id)
    if node is None:
        ti.log.warning(
            "dbt left no target/manifest.json with %s, so its stream table is not known", unique_id
        )
        return
    ti.xcom_push(key=MODEL_KEY, value=f"{node['schema']}.{node['alias']}")
    ti.xcom_push(key=STREAM_TABLE_KEY, value=stream_table_of(node))


def refuse_ungated(project_dir: str, *, unique_id: str, **_: Any) -> None:
    """
    Fail a run task that has no gate and turns out to have made a stream table.

    :raises StreamTableUngated: with the way out.
    """
    node = node_of_run(project_dir, unique_id)
    if node is not None and node["config"]["materialized"] == "stream_table":
        raise StreamTableUngated(
            f"{unique_id} is a stream table, which LoadMode.CUSTOM cannot see, so nothing waits for it: use "
            "LoadMode.DBT_LS or DBT_MANIFEST, or write materialized='stream_table' into the model itself"
        )


def node_of_run(project_dir: str, unique_id: str) -> Mapping[str, Any] | None:
    """Return a model of the manifest that dbt has written in this run; None if there is none."""
    path = Path(project_dir, "target", "manifest.json")
    return node_of(read_manifest(path), unique_id) if path.exists() else None


def read_manifest(path: Any) -> dict[str, Any]:
    """Return dbt's manifest, from a file or from what Cosmos has it in."""
    with path.open() as file:
        manifest: dict[str, Any] = json.load(file)
    return manifest
