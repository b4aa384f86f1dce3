"""Which engine a database has, told from its extensions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream._engines.detect import Installation, as_found, detect
from airflow_provider_pgstream._engines.known import engines
from airflow_provider_pgstream._engines.programs import Reply
from airflow_provider_pgstream.exceptions import EngineNotInstalled, EngineNotSupported, InvalidStreamTable

PLACE = Place("airflow", "db1", 5432, "postgres_default")
NOTHING: dict[str, None] = {"arguments": None, "columns": None, "relations": None}


def detected(engine: str | None = None, **extensions: str) -> tuple[Installation, list[str]]:
    """Answer the program's one question with these extensions; the connection names an engine, or none."""
    said: list[str] = []
    program = detect(replace(PLACE, engine=engine), said.append)
    next(program)
    rows = [{"extension": name, "version": version, **NOTHING} for name, version in extensions.items()]
    with pytest.raises(StopIteration) as end:
        program.send(Reply(rows))
    return end.value.value, said


def test_extension_is_not_announced_and_the_emulator_is() -> None:
    installation, said = detected(pg_stream="0.1.1")
    assert (installation.engine.extension, said) == ("pg_stream", [])
    installation, said = detected(pg_stream="0.1.1-emulator")
    assert installation.engine.extension == "pg_stream"
    assert "This is the EMULATOR of pg_stream" in said[0]


def test_later_engine_is_found_by_itself() -> None:
    assert detected(pg_trickle="0.67.0")[0].engine.extension == "pg_trickle"


def test_of_two_engines_the_connection_says_which() -> None:
    both = {"pg_stream": "0.1.1", "pg_trickle": "0.67.0"}
    with pytest.raises(EngineNotSupported, match=r'pg_stream and pg_trickle.*\{"engine": "pg_trickle"\}'):
        detected(**both)
    for engine in both:
        assert detected(engine, **both)[0].engine.extension == engine


def test_engine_that_the_connection_names_and_the_database_lacks_is_told() -> None:
    with pytest.raises(EngineNotInstalled, match=r"pg_trickle is not installed .*, but pg_stream"):
        detected("pg_trickle", pg_stream="0.1.1")
    with pytest.raises(
        InvalidStreamTable, match="engine='pg_wave', which is not known: give one of pg_stream"
    ):
        detected("pg_wave", pg_stream="0.1.1")


def test_what_an_engine_offers_is_what_was_found() -> None:
    program = detect(PLACE)
    next(program)
    row = {
        "extension": "pg_trickle",
        "version": "9",
        "arguments": {"create_stream_table": ["name", "query", "tier"], "health_check": None},
        "columns": ["pgt_id"],
        "relations": ["pgt_stream_tables"],
    }
    with pytest.raises(StopIteration) as end:
        program.send(Reply([row]))
    engine = end.value.value.engine
    assert engine.takes("create_stream_table", "tier")
    assert not engine.takes("alter_stream_table", "tier")
    assert engine.has_function("health_check")
    assert not engine.has_function("pause_stream_table")
    assert engine.has_relation("pgt_stream_tables")
    assert engine is not engines()["pg_trickle"]
    assert as_found("pg_trickle", engine.found) is engine


def test_missing_extension_is_told_with_the_place() -> None:
    with pytest.raises(EngineNotInstalled) as error:
        detected()
    assert str(error.value) == (
        "pg_stream is not installed in database 'airflow' at db1:5432 (connection 'postgres_default'): "
        "run CREATE EXTENSION pg_stream there, or set postgres_conn_id"
    )
