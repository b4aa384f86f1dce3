"""Which engine a database has, told from its extensions."""

from __future__ import annotations

import pytest

from airflow_provider_pgstream.catalog import check_engine
from airflow_provider_pgstream.exceptions import EngineNotInstalled, EngineNotSupported
from airflow_provider_pgstream.program import Reply
from airflow_provider_pgstream.translation import Place

PLACE = Place("airflow", "db1", 5432, "postgres_default")


def version(**extensions: str) -> tuple[str, list[str]]:
    """Answer the program's one question with these extensions."""
    said: list[str] = []
    program = check_engine(PLACE, said.append)
    next(program)
    rows = [{"extension": name, "version": version} for name, version in extensions.items()]
    with pytest.raises(StopIteration) as end:
        program.send(Reply(rows))
    return end.value.value, said


def test_extension_is_not_announced_and_the_emulator_is() -> None:
    assert version(pg_stream="0.1.1", pg_trickle="0.67") == ("0.1.1", [])
    found, said = version(pg_stream="0.1.1-emulator")
    assert found == "0.1.1-emulator"
    assert "This is the EMULATOR of pg_stream" in said[0]


def test_missing_extension_is_told_with_the_place() -> None:
    with pytest.raises(EngineNotInstalled) as error:
        version()
    assert str(error.value) == (
        "pg_stream is not installed in database 'airflow' at db1:5432 (connection 'postgres_default'): "
        "run CREATE EXTENSION pg_stream there, or set postgres_conn_id"
    )


def test_later_engine_alone_is_not_supported_yet() -> None:
    with pytest.raises(EngineNotSupported, match="has pg_trickle, which is not supported yet"):
        version(pg_trickle="0.67")
