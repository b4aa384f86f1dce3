"""What gates cost while a DAG is parsed: 200 models, half of them stream tables, from a manifest.

    python benchmarks/cosmos_parse.py

Prints the least processor time of ten runs of Cosmos alone and of Cosmos with gates, which take turns, and
the ratio. Fails if that is over 1.35, or a task that is added costs more than 0.3 ms.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

MODELS, RUNS = 200, 10
RATIO, MILLISECONDS_PER_TASK = 1.35, 0.3

os.environ["AIRFLOW_HOME"] = os.environ.get("AIRFLOW_HOME") or tempfile.mkdtemp(prefix="pgstream-airflow-")
os.environ["AIRFLOW__COSMOS__ENABLE_CACHE"] = "false"
os.environ["AIRFLOW__COSMOS__ENABLE_TELEMETRY"] = "false"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"

import airflow  # noqa: E402, F401
from cosmos import DbtDag, ProfileConfig, ProjectConfig, RenderConfig  # noqa: E402
from cosmos.constants import LoadMode  # noqa: E402
from cosmos.profiles import PostgresUserPasswordProfileMapping  # noqa: E402

from airflow_provider_pgstream.cosmos import gate_stream_tables  # noqa: E402


def model(number: int) -> dict[str, Any]:
    """Return a model: an even one is a stream table on the ordinary one before it, and so on."""
    name = f"model_{number}"
    streams = number % 2 == 0
    config: dict[str, Any] = {"materialized": "stream_table" if streams else "table", "meta": {}}
    if streams:
        config |= {"schedule": "5m", "initialize": False}
    return {
        "unique_id": f"model.bench.{name}",
        "resource_type": "model",
        "name": name,
        "package_name": "bench",
        "original_file_path": f"models/{name}.sql",
        "fqn": ["bench", name],
        "schema": "bench",
        "alias": name,
        "tags": [],
        "config": config,
        "depends_on": {"nodes": [f"model.bench.model_{number - 1}"] if number else []},
    }


def test_of(number: int) -> dict[str, Any]:
    """Return a test of a model, so that Cosmos makes a group of it."""
    name = f"not_null_model_{number}_id"
    return {
        **model(number),
        "unique_id": f"test.bench.{name}",
        "resource_type": "test",
        "name": name,
        "config": {"materialized": "test"},
        "depends_on": {"nodes": [f"model.bench.model_{number}"]},
    }


def write_project(folder: Path) -> dict[str, Any]:
    """Write a project's manifest, and return the arguments with which Cosmos renders it."""
    nodes = [*map(model, range(MODELS)), *map(test_of, range(0, MODELS, 2))]
    manifest = {
        "metadata": {"project_name": "bench"},
        "nodes": {node["unique_id"]: node for node in nodes},
        "sources": {},
        "exposures": {},
        "macros": {},
    }
    (folder / "models").mkdir()
    (folder / "dbt_project.yml").write_text("name: bench\nprofile: bench\n")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    mapping = PostgresUserPasswordProfileMapping(conn_id="bench", profile_args={"schema": "bench"})
    return {
        "project_config": ProjectConfig(
            folder, manifest_path=folder / "manifest.json", install_dbt_deps=False
        ),
        "profile_config": ProfileConfig("bench", "dev", profile_mapping=mapping),
        "render_config": RenderConfig(load_method=LoadMode.DBT_MANIFEST),
    }


def parse(arguments: dict[str, Any], *, gated: bool) -> tuple[float, int]:
    """Render the project; return the seconds of processor time that it took, and the number of tasks."""
    gc.collect()
    start = time.process_time()
    dag = DbtDag(dag_id="bench", schedule=None, start_date=datetime(2025, 1, 1), **arguments)  # noqa: DTZ001
    if gated:
        gate_stream_tables(dag)
    return time.process_time() - start, len(dag.tasks)


def main() -> int:
    """Measure, print, and return the exit code."""
    logging.disable(logging.WARNING)
    least = {False: float("inf"), True: float("inf")}
    tasks = {}
    with tempfile.TemporaryDirectory() as folder:
        arguments = write_project(Path(folder))
        parse(arguments, gated=True)
        for _ in range(RUNS):
            for gated in least:
                seconds, tasks[gated] = parse(arguments, gated=gated)
                least[gated] = min(least[gated], seconds)
    ratio = least[True] / least[False]
    added = tasks[True] - tasks[False]
    per_task = (least[True] - least[False]) / added * 1000
    print(f"Cosmos alone     {least[False]:.3f} s, {tasks[False]} tasks")
    print(f"Cosmos and gates {least[True]:.3f} s, {tasks[True]} tasks")
    print(f"ratio {ratio:.2f} (at most {RATIO})")
    print(f"{per_task:.3f} ms per added task (at most {MILLISECONDS_PER_TASK})")
    return 0 if ratio <= RATIO and per_task <= MILLISECONDS_PER_TASK else 1


if __name__ == "__main__":
    sys.exit(main())
