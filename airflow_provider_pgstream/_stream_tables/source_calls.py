"""What some engines can be told about a source: to wait with what reads it, how far it is loaded."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_pgstream._engines import queries
from airflow_provider_pgstream._engines.detect import Installation
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.exceptions import EngineNotSupported


def gate(source: str, installation: Installation) -> Program[None]:
    """Keep the scheduler from refreshing what reads a source; refreshes by hand are not kept."""
    yield from _call("gate_source", installation, source=source)


def ungate(source: str, installation: Installation) -> Program[None]:
    """Let the scheduler refresh what reads a source again."""
    yield from _call("ungate_source", installation, source=source)


def advance_watermark(source: str, watermark: datetime, installation: Installation) -> Program[None]:
    """Say up to which moment a source has been loaded."""
    yield from _call("advance_watermark", installation, source=source, watermark=watermark)


def _call(function: str, installation: Installation, **arguments: object) -> Program[None]:
    refuse_missing(installation.engine, function)
    yield Run(queries.call(installation.engine, function, tuple(arguments)), arguments)


def refuse_missing(engine: Engine, function: str) -> None:
    """
    Refuse to call what the engine of this database does not have.

    :raises EngineNotSupported: naming it.
    """
    if not engine.has_function(function):
        raise EngineNotSupported(
            f"the {engine.extension} of this database has no function {function}: use an engine that has it "
            "(docs/engines.md), or leave it out"
        )
