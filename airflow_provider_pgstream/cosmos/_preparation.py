"""What must be settled before Cosmos renders: the variables that make dbt wait, and where its package is."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cosmos import ExecutionConfig, ProjectConfig, RenderConfig

from airflow_provider_pgstream.cosmos import _modes as modes
from airflow_provider_pgstream.cosmos._package import require_package
from airflow_provider_pgstream.cosmos._settings import TIMEOUT, GateSettings, is_stream_table
from airflow_provider_pgstream.dbt import package_path

PACKAGE = "PGSTREAM_DBT_PACKAGE"
REFRESH = "pgstream_refresh"
WAIT = "pgstream_wait_for_populated"


class Preparation:
    """
    The arguments of one of Cosmos' classes, made ready.

    The user's configurations are copied: several groups may share them.

    :param kwargs: the arguments as the user gave them.
    :raises ValueError: if the execution mode has no operators for PostgreSQL.
    """

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self.kwargs = dict(kwargs)
        execution: ExecutionConfig = kwargs.get("execution_config") or ExecutionConfig()
        render: RenderConfig = kwargs.get("render_config") or RenderConfig()
        self.mode = str(modes.value(execution.execution_mode))
        modes.refuse_unsupported(self.mode)
        self.inside_dbt = modes.waits_inside_dbt(self.mode, modes.value(render.test_behavior))

    def variables(
        self, refresh: str, wait_for: str, sensor_args: Mapping[str, Any], refresh_args: Mapping[str, Any]
    ) -> dict[str, Any]:
        """
        Return the dbt variables that stand for the gates' settings.

        :raises ValueError: if a setting cannot be had inside dbt.
        """
        settings = GateSettings(refresh=refresh, wait_for=wait_for)
        not_inside = sorted({*sensor_args} - {"timeout"} | {*refresh_args})
        if settings.wait_for == "fresh" or not_inside:
            what = 'wait_for="fresh"' if settings.wait_for == "fresh" else ", ".join(not_inside)
            raise ValueError(
                f"{what} needs Airflow tasks between a model and what follows it, and here dbt itself waits: "
                'use refresh="always", which makes each run read its own rows, '
                "or ExecutionMode.LOCAL with TestBehavior.AFTER_EACH"
            )
        timeout = sensor_args.get("timeout", TIMEOUT)
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
        return {REFRESH: settings.refresh, WAIT: seconds}

    def arguments(self, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        Return the arguments for Cosmos' own class.

        :param variables: dbt variables to add.
        :raises ValueError: if the user has set one of them.
        """
        if self.mode in modes.ON_WORKER and PACKAGE not in self.environment():
            self._lead_to_package()
        if variables:
            self._add_variables(variables)
        return self.kwargs

    def check(self, graph: Any) -> None:
        """
        See that dbt will heed the variables.

        :raises ValueError: if the package is absent or too old, or a model asks for what dbt cannot do.
        """
        models = [node for node in graph.dbt_graph.filtered_nodes.values() if is_stream_table(node)]
        for node in models:
            own = GateSettings().for_model(node.unique_id, node.config)
            if own != GateSettings(refresh=own.refresh):
                raise ValueError(
                    f"meta.pgstream of {node.unique_id} may hold nothing but refresh where dbt itself waits: "
                    "the rest is for Airflow tasks, which come too late here"
                )
        if models or modes.value(graph.dbt_graph.load_method) == "custom":
            require_package(graph.dbt_graph, (REFRESH, WAIT), self.environment())

    def environment(self) -> dict[str, str]:
        """Return the environment in which dbt parses the project."""
        render, project = self.kwargs.get("render_config"), self.kwargs.get("project_config")
        own = getattr(render, "env_vars", None) or getattr(project, "env_vars", None) or {}
        return {**os.environ, **own}

    def _lead_to_package(self) -> None:
        """Name the shipped package where the user's own variables are: Cosmos refuses two places."""
        package = {PACKAGE: str(package_path())}
        arguments, render = self.kwargs.get("operator_args") or {}, self.kwargs.get("render_config")
        if "env" in arguments or getattr(render, "env_vars", None):
            self.kwargs["operator_args"] = {**arguments, "env": {**(arguments.get("env") or {}), **package}}
            self._change("render_config", RenderConfig, "env_vars", package)
        else:
            self._change("project_config", ProjectConfig, "env_vars", package)

    def _add_variables(self, variables: Mapping[str, Any]) -> None:
        """Add dbt variables wherever Cosmos may take some from: each place hides the one before."""
        self._change("project_config", ProjectConfig, "dbt_vars", variables)
        arguments = self.kwargs.get("operator_args") or {}
        if arguments.get("vars"):
            self.kwargs["operator_args"] = {**arguments, "vars": _joined(arguments["vars"], variables)}
        setup = getattr(self.kwargs.get("execution_config"), "setup_operator_args", None) or {}
        if setup.get("vars"):
            execution = copy.copy(self.kwargs["execution_config"])
            execution.setup_operator_args = {**setup, "vars": _joined(setup["vars"], variables)}
            self.kwargs["execution_config"] = execution

    def _change(self, name: str, kind: type, attribute: str, added: Mapping[str, Any]) -> None:
        config = copy.copy(self.kwargs.get(name) or kind())
        setattr(config, attribute, _joined(getattr(config, attribute) or {}, added))
        self.kwargs[name] = config


def _joined(present: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    taken = sorted(present.keys() & added.keys())
    if taken:
        raise ValueError(
            f"{', '.join(taken)} is set by refresh= and sensor_args=: leave it out of the dbt variables"
        )
    return {**present, **added}
