"""What may be set for all gates of a group, and for one model under ``meta.pgstream``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from airflow_provider_pgstream._arguments import one_of

REFRESH = ("auto", "always", "never")
WAIT_FOR = ("populated", "fresh")
OWN_TO_CONSISTENT = (("auto", "populated"), ("never", "populated"))
TIMEOUT = 3600.0
"""Seconds after which a gate gives up."""


def is_stream_table(node: Any) -> bool:
    """Tell whether one of Cosmos' nodes is a model that the dbt package makes a stream table of."""
    kind = getattr(node.resource_type, "value", node.resource_type)
    return bool(kind == "model" and node.config.get("materialized") == "stream_table")


def model_config(config: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """Return a key of a model's config, else of its ``meta``, as the dbt package does; null is a value."""
    return config[key] if key in config else (config.get("meta") or {}).get(key, default)


@dataclass(frozen=True)
class GateSettings:
    """
    How one model's stream table is gated.

    :param refresh: ``auto``, ``always`` or ``never``.
    :param wait_for: ``populated`` or ``fresh``.
    :param consistent: all stream tables of the group are refreshed as of one moment behind their gates.
    :param postgres_conn_id: the connection; None for the one of the profile mapping.
    :param stream_table: ``schema.table``; None for the one that dbt's manifest names.
    :param sensor_args: further arguments of the sensor.
    :param refresh_args: further arguments of the refresh operator.
    """

    refresh: str = "auto"
    wait_for: str = "populated"
    consistent: bool = False
    postgres_conn_id: str | None = None
    stream_table: str | None = None
    sensor_args: Mapping[str, Any] = field(default_factory=dict)
    refresh_args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of("refresh", self.refresh, REFRESH)
        one_of("wait_for", self.wait_for, WAIT_FOR)
        if self.consistent and (self.refresh, self.wait_for) not in OWN_TO_CONSISTENT:
            raise ValueError(
                "consistent=True refreshes all of them itself: leave out refresh and wait_for, but for "
                'refresh="never" of a model that is to be left out'
            )

    def for_model(self, unique_id: str, config: Mapping[str, Any]) -> GateSettings:
        """
        Return these settings with what the model sets itself.

        :param unique_id: the model's id, for messages.
        :param config: the model's config.
        :raises ValueError: if ``meta.pgstream`` holds what is not a setting, or a value that cannot be.
        """
        own = (config.get("meta") or {}).get("pgstream") or {}
        known = {f.name for f in fields(self)} - {"consistent"}  # which is of a whole group
        if not isinstance(own, Mapping) or (unknown := sorted(set(own) - known)):
            what = (
                f"unknown {', '.join(unknown)}" if isinstance(own, Mapping) else f"{own!r} is not a mapping"
            )
            raise ValueError(f"meta.pgstream of {unique_id}: {what}; it may hold {', '.join(sorted(known))}")
        merged: dict[str, Any] = {
            key: {**getattr(self, key), **value} if key in ("sensor_args", "refresh_args") else value
            for key, value in own.items()
        }
        try:
            return replace(self, **merged)
        except ValueError as error:
            raise ValueError(f"meta.pgstream of {unique_id}: {error}") from error

    def refresh_when(self, config: Mapping[str, Any], *, config_is_known: bool) -> str | None:
        """
        Return ``when`` of the refresh operator; None if the gate has none.

        :param config: the model's config.
        :param config_is_known: whether it holds ``schedule`` and ``initialize``: Cosmos' own parser leaves
            them out, and then the catalog is asked at run time.
        """
        if self.refresh == "never":
            return None
        if self.consistent:
            return "unpopulated"  # so that those that read it can be created
        if self.refresh == "always":
            return "always"
        if not config_is_known:
            return "unattended"
        if model_config(config, "schedule", "1m") is None:
            return "always"
        return None if model_config(config, "initialize", True) else "unpopulated"
