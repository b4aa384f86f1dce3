"""Whether the dbt package ``pgstream`` of a project is there, and new enough to wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Template

from airflow_provider_pgstream.cosmos._relation import read_manifest

NAME = "pgstream"
MARKER = "_heeded_vars"
"""The package's macro that returns the variables which make dbt wait."""

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
        found = {str(manifest_path): _in_manifest(read_manifest(manifest_path))}
    else:
        found = {str(path): _in_folder(path) for path in _folders(project, environment)}
    heeded = {place: names for place, names in found.items() if names is not None}
    if not heeded:
        raise ValueError(
            f"the dbt project {project} has stream tables and no package `{NAME}` that could be found, "
            f"so whether it waits cannot be known: {WAY_OUT}; "
            "or run `dbt deps` beforehand, or give a manifest"
        )
    for place, names in heeded.items():
        if missing := [name for name in variables if name not in names]:
            raise ValueError(
                f"the package `{NAME}` in {place} is too old: it does not know {', '.join(missing)}, "
                f"so dbt would not wait for a stream table: {WAY_OUT}"
            )


def _in_manifest(manifest: Mapping[str, Any]) -> set[str] | None:
    """Return the variables that the package in a manifest heeds; None if it is not there."""
    macros = [macro for macro in manifest["macros"].values() if macro["package_name"] == NAME]
    return _heeded("\n".join(macro["macro_sql"] for macro in macros)) if macros else None


def _in_folder(path: Path) -> set[str] | None:
    """Return the variables that the package in a folder heeds; None if it is another, or none."""
    project = path / "dbt_project.yml"
    if not project.exists() or _yaml(project).get("name") != NAME:
        return None
    return _heeded("\n".join(file.read_text() for file in sorted(path.glob("macros/**/*.sql"))))


def _heeded(macros: str) -> set[str]:
    """Return what the marker macro returns; nothing where there is none."""
    marker = re.search(rf"\{{%-?\s*macro {MARKER}\(\).*?endmacro", macros, re.DOTALL)
    return set(re.findall(r"'(\w+)'", marker.group())) if marker else set()


def _yaml(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text()) or {}


def _folders(project: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where packages of a project may lie: installed already, or to be installed from a folder."""

    def render(text: str) -> str:
        return Template(text).render(env_var=environment.get)

    own = project / "dbt_project.yml"
    installed = _yaml(own).get("packages-install-path") if own.exists() else None
    yield from sorted((project / render(installed or "dbt_packages")).glob("*/"))
    for name in ("packages.yml", "dependencies.yml"):
        file = project / name
        for package in (_yaml(file) if file.exists() else {}).get("packages") or ():
            if "local" in package:
                yield project / render(package["local"])
