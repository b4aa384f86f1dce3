"""Whether the dbt package ``pgstream`` of a project is there, and new enough to wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Template

from airflow_provider_pgstream.cosmos._relation import read_manifest

NAME = "pgstream"
WAY_OUT = (
    "put `- local: \"{{ env_var('PGSTREAM_DBT_PACKAGE') }}\"` under `packages:` in packages.yml, "
    "which leads to the package that this provider ships"
)


def require_package(dbt_graph: Any, variables: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """
    See that the package of a project heeds some variables: otherwise everything would run at once.

    :param dbt_graph: the project as Cosmos has loaded it.
    :param variables: names of dbt variables.
    :param environment: the environment in which dbt parses the project.
    :raises ValueError: if the package is absent, cannot be found, or does not know one of them.
    """
    manifest_path = dbt_graph.project.manifest_path
    project = Path(dbt_graph.execution_config.project_path)
    if manifest_path:
        sources = {str(manifest_path): _in_manifest(read_manifest(manifest_path))}
    else:
        sources = {str(path): _in_folder(path) for path in _folders(project, environment)}
    sources = {place: text for place, text in sources.items() if text}
    if not sources:
        raise ValueError(
            f"the dbt project {project} has stream tables and no package `{NAME}` that could be found, "
            f"so whether it waits cannot be known: {WAY_OUT}; "
            "or run `dbt deps` beforehand, or give a manifest"
        )
    for place, text in sources.items():
        if missing := [name for name in variables if name not in text]:
            raise ValueError(
                f"the package `{NAME}` in {place} is too old: it does not know {', '.join(missing)}, "
                f"so dbt would not wait for a stream table: {WAY_OUT}"
            )


def _in_manifest(manifest: Mapping[str, Any]) -> str:
    return "\n".join(
        macro["macro_sql"] for macro in manifest["macros"].values() if macro["package_name"] == NAME
    )


def _in_folder(path: Path) -> str:
    project = path / "dbt_project.yml"
    if not project.exists() or yaml.safe_load(project.read_text()).get("name") != NAME:
        return ""
    return "\n".join(file.read_text() for file in sorted(path.glob("macros/**/*.sql")))


def _folders(project: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where packages of a project may lie: installed already, or to be installed from a folder."""
    yield from sorted(project.glob("dbt_packages/*/"))
    for name in ("packages.yml", "dependencies.yml"):
        file = project / name
        listed = yaml.safe_load(file.read_text()) if file.exists() else None
        for package in (listed or {}).get("packages") or ():
            if "local" in package:
                yield project / Template(package["local"]).render(env_var=environment.get)
