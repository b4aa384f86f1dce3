"""The ways of the dbt package: each call starts dbt, in a process that has read the project before."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from airflow_provider_pgstream.exceptions import (
    CaptureBroken,
    InsufficientPrivilege,
    PgStreamError,
    RefreshInProgress,
    SourceLocked,
    StreamTableFailed,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

ERRORS: dict[str, type[PgStreamError]] = {
    "did not come in time": SourceLocked,
    "is being refreshed by another session": RefreshInProgress,
    "is SUSPENDED (paused)": StreamTableSuspended,
    "row-level security": InsufficientPrivilege,
    "are not captured": CaptureBroken,
}
"""What dbt says, and the provider's error that says the same."""

PROJECT = "name: cases\nversion: '1.0'\nconfig-version: 2\nprofile: cases\n"
PROFILE = """
cases:
  target: cases
  outputs:
    cases:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: "{{ env_var('PGUSER') }}"
      password: x
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: public
      threads: 1
"""


def by_pgstream_refresh(
    names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any
) -> None:
    for name in names:
        _operation("pgstream_refresh", name, conn_id, hook_params, options)


def by_pgstream_refresh_all(
    names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any
) -> None:
    _on_models(["run-operation", "pgstream_refresh_all"], names, conn_id, hook_params, options)


def by_materialization(
    names: list[str], conn_id: str, hook_params: Mapping[str, Any], **options: Any
) -> None:
    _on_models(["run"], names, conn_id, hook_params, options)


def _on_models(
    command: list[str],
    names: list[str],
    conn_id: str,
    hook_params: Mapping[str, Any],
    options: Mapping[str, Any],
) -> None:
    """Run a command of a project whose models are just these stream tables; dbt repairs them one by one."""
    if options.get("full"):
        for name in names:
            _operation("pgstream_refresh", name, conn_id, hook_params, options)
        return
    if options.get("on_suspended") == "resume":
        for name in names:
            _dbt(["run-operation", "pgstream_resume", "--args", _args(name)], {}, conn_id, hook_params, {})
    hook = PgStreamHook(postgres_conn_id=conn_id)
    _dbt(command, {name: _model(hook, name) for name in names}, conn_id, hook_params, options)


def _operation(
    operation: str, name: str, conn_id: str, hook_params: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    if options.get("on_suspended") == "resume":
        _dbt(["run-operation", "pgstream_resume", "--args", _args(name)], {}, conn_id, hook_params, {})
    operation = "pgstream_repair" if options.get("full") else operation
    _dbt(["run-operation", operation, "--args", _args(name)], {}, conn_id, hook_params, options)


def _args(name: str) -> str:
    return json.dumps({"model_name": name})


def _model(hook: PgStreamHook, name: str) -> str:
    table = hook.get(name)
    config = (
        f"materialized='stream_table', schedule=none, refresh='always', refresh_mode='{table.refresh_mode}'"
    )
    return f"{{{{ config({config}) }}}}\n{table.query}"


def _dbt(
    command: list[str],
    models: Mapping[str, str],
    conn_id: str,
    hook_params: Mapping[str, Any],
    options: Mapping[str, Any],
) -> None:
    variables = {}
    if "lock_timeout" in options:
        variables["pgstream_lock_timeout"] = options["lock_timeout"]
    if options.get("on_busy") == "fail":
        variables["pgstream_busy_timeout"] = 0
    connection = json.loads(os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"])
    environment = {
        "PGHOST": connection["host"],
        "PGPORT": str(connection["port"]),
        "PGUSER": connection["login"],
        "PGDATABASE": connection["schema"],
        "PGOPTIONS": hook_params.get("options", ""),
    }
    command = [*command, "--vars", json.dumps(variables)]
    said = _processes().submit(_invoke, command, dict(models), environment).result()
    if said is not None:
        error = next((error for words, error in ERRORS.items() if words in said), StreamTableFailed)
        raise error(said)


@cache
def _processes() -> ProcessPoolExecutor:
    """Processes that are kept: dbt is one at a time in each, and reads the project once."""
    return ProcessPoolExecutor(4, mp_context=get_context("spawn"))


def _invoke(command: list[str], models: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Run dbt in this process; return what it said if it failed."""
    from dbt.cli.main import dbtRunner

    os.environ.update(environment)
    where = ["--project-dir", str(_project()), "--profiles-dir", str(_project()), "--quiet"]
    said: list[str] = []
    manifest = _manifest(tuple(sorted(models.items())))

    def listen(event: Any) -> None:
        if event.info.level == "error":
            said.append(event.info.msg)

    runner = dbtRunner(manifest=manifest, callbacks=[listen])
    outcome = runner.invoke([*command, *where])
    return None if outcome.success else "\n".join([*said, str(outcome.exception or "")])


@cache
def _project() -> Path:
    from airflow_provider_pgstream.dbt import package_path

    os.environ |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1", "DBT_WRITE_JSON": "false"}
    path = Path(tempfile.mkdtemp(prefix="pgstream-cases-"))
    (path / "dbt_packages").mkdir()
    (path / "dbt_packages" / "pgstream").symlink_to(package_path())
    (path / "dbt_project.yml").write_text(PROJECT)
    (path / "profiles.yml").write_text(PROFILE)
    (path / "models").mkdir()
    return path


@cache
def _manifest(models: tuple[tuple[str, str], ...]) -> Any:
    """Read a project with just these models."""
    from dbt.cli.main import dbtRunner

    for file in (_project() / "models").iterdir():
        file.unlink()
    for name, text in models:
        (_project() / "models" / f"{name.split('.')[1]}.sql").write_text(text)
    where = ["--project-dir", str(_project()), "--profiles-dir", str(_project()), "--quiet"]
    outcome = dbtRunner().invoke(["parse", *where])
    assert outcome.success, outcome.exception
    return outcome.result
