"""What an engine may be told of a stream table beside its query, schedule, mode and status."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_pgstream._arguments import one_of, parse_rendered
from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream.exceptions import InvalidStreamTable

CREATE, ALTER = "create_stream_table", "alter_stream_table"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """
    What only some engines have; it is refused where the database's engine has it not.

    :param tier: how often the scheduler refreshes it: ``hot``, ``warm``, ``cold`` or ``frozen``, that is
        never.
    :param cdc_mode: how changes are captured: ``trigger``, which is what is sent where nothing is given;
        ``auto`` and ``wal`` lose rows on pg_trickle 0.67.
    :param append_only: whether its sources are only ever inserted into.
    :param partition_by: the column that its own table is partitioned by.
    :param diamond_consistency: ``none``, or ``atomic``: tables that read one another by two ways together.
    :param diamond_schedule_policy: ``fastest`` or ``slowest`` of such tables decides when.
    :param fuse: ``off``, ``on`` or ``auto``: stop refreshing it when too much changed at once.
    :param fuse_ceiling: how many changes are too many.
    :param fuse_sensitivity: how far from the usual is too much.
    :param max_differential_joins: joins beyond which it is refreshed in full.
    :param max_delta_fraction: share of changed rows beyond which it is refreshed in full.
    :param pooler_compatibility_mode: for connections through a transaction pooler.
    :param post_refresh_action: ``none``, ``analyze``, ``reindex`` or ``reindex_if_drift``.
    :param reindex_drift_threshold: share of changed rows that counts as drift.
    :param orchestration_mode: ``EXTERNAL``: only refreshes by hand, with all that it reads and as of one
        moment, by the engine's own locks; ``MANAGED`` otherwise. Not before pg_trickle 0.93.
    """

    tier: str | None = None
    cdc_mode: str | None = None
    append_only: bool | None = None
    partition_by: str | None = None
    diamond_consistency: str | None = None
    diamond_schedule_policy: str | None = None
    fuse: str | None = None
    fuse_ceiling: int | None = None
    fuse_sensitivity: int | None = None
    max_differential_joins: int | None = None
    max_delta_fraction: float | None = None
    pooler_compatibility_mode: bool | None = None
    post_refresh_action: str | None = None
    reindex_drift_threshold: float | None = None
    orchestration_mode: str | None = None

    def __post_init__(self) -> None:
        parse_rendered(self)
        if self.orchestration_mode is not None:
            one_of("orchestration_mode", self.orchestration_mode, words.ORCHESTRATION_MODES)

    @property
    def is_external(self) -> bool:
        """Whether the engine's scheduler is to leave it alone by this setting."""
        return self.orchestration_mode == words.EXTERNAL

    @property
    def given(self) -> dict[str, Any]:
        """Return those that are set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def of_create(self, engine: Engine) -> dict[str, Any]:
        """
        Return what a create sends.

        :raises InvalidStreamTable: if the engine has a setting in no call.
        """
        self._refuse_unknown(engine, CREATE, ALTER)
        always = {name: value for name, value in engine.create_settings.items() if engine.takes(CREATE, name)}
        return always | {name: value for name, value in self.given.items() if engine.takes(CREATE, name)}

    def of_alter(self, engine: Engine) -> dict[str, Any]:
        """
        Return what an alter sends.

        :raises InvalidStreamTable: if an alter of the engine cannot set one.
        """
        self._refuse_unknown(engine, ALTER)
        return self.given

    def left_by_create(self, engine: Engine) -> dict[str, Any]:
        """Return what a create cannot be told, and an alter behind it can."""
        return {name: value for name, value in self.given.items() if not engine.takes(CREATE, name)}

    def _refuse_unknown(self, engine: Engine, *functions: str) -> None:
        for name, value in self.given.items():
            if not any(engine.takes(function, name) for function in functions):
                raise InvalidStreamTable(
                    f"{name}={value!r} is not known to the {functions[0].removesuffix('_stream_table')} of "
                    f"this database's {engine.extension}: leave it out, or use an engine that has it "
                    "(docs/engines.md)"
                )
