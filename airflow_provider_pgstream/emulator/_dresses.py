"""The engines that the emulator can pass for: their names, and what a client finds set.

Its SQL is written in pg_stream's names, and translated where it is installed; what an engine does in its own
way stands in SQL files of its own, in its own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_pgstream.emulator._errors import EmulatorError


@dataclass(frozen=True, kw_only=True)
class Dress:
    """
    How the emulator looks to a client.

    :param extension: the extension's name; also the prefix of its settings, and the folder of its own SQL.
    :param schema: the schema of its functions and catalog.
    :param prefix: what the names of its catalog's tables and columns begin with.
    :param every_database: whether its scheduler serves each database that has the extension, and not
        ``postgres`` alone.
    :param settings: the settings that it has without a word from anyone.
    :param words: pg_stream's names with its own for them; the order counts.
    """

    extension: str
    schema: str
    prefix: str
    every_database: bool
    settings: Mapping[str, str]
    words: Mapping[str, str]

    @property
    def own_schema(self) -> str:
        """The schema of what the emulator has beyond the engine."""
        return f"{self.schema}_emulator"

    @property
    def catalog(self) -> str:
        """The table with a row for each stream table."""
        return f"{self.schema}.{self.prefix}stream_tables"

    @property
    def scheduler_name(self) -> str:
        """The ``application_name`` of the scheduler."""
        return f"{self.extension} scheduler"

    def named_settings(self) -> dict[str, str]:
        """Return the settings, under their full names."""
        return {f"{self.extension}.{name}": value for name, value in self.settings.items()}

    def translated(self, script: str) -> str:
        """Return a script in pg_stream's names in the names of this dress."""
        for theirs, own in self.words.items():
            script = script.replace(theirs, own)
        return script


_SETTINGS = {
    "enabled": "on",
    "scheduler_interval_ms": "1000",
    "max_consecutive_errors": "3",
    "max_concurrent_refreshes": "4",
}

DRESSES = {
    dress.extension: dress
    for dress in (
        Dress(
            extension="pg_stream",
            schema="pgstream",
            prefix="pgs_",
            every_database=False,
            settings=_SETTINGS
            | {"min_schedule_seconds": "60", "cdc_mode": "trigger", "block_source_ddl": "off"},
            words={},
        ),
        Dress(
            extension="pg_trickle",
            schema="pgtrickle",
            prefix="pgt_",
            every_database=True,
            settings=_SETTINGS
            | {
                "min_schedule_seconds": "1",
                "default_schedule_seconds": "1",
                "cdc_mode": "auto",
                "cdc_trigger_mode": "statement",
                "block_source_ddl": "on",
                "cleanup_use_truncate": "on",
                "compact_threshold": "100000",
                "unlogged_buffers": "off",
            },
            words={
                "pg_current_wal_lsn": "pg_current_wal_insert_lsn",
                "pg_stream": "pg_trickle",
                "pgstream": "pgtrickle",
                "pgs_": "pgt_",
            },
        ),
    )
}


def dress_of(engine: str) -> Dress:
    """Return how the emulator passes for an engine.

    :raises EmulatorError: if it does not know the engine.
    """
    if engine not in DRESSES:
        raise EmulatorError(f"the emulator has no engine '{engine}': name one of {', '.join(DRESSES)}")
    return DRESSES[engine]
