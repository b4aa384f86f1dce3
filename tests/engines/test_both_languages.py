"""What an engine is, in Python and in its dbt macro file: the same names, words and capabilities."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest

from airflow_provider_pgstream._engines import known
from airflow_provider_pgstream._engines.engine import CREATION_LOCK, SEARCH_PATH, Engine

jinja2 = pytest.importorskip("jinja2", reason="comes with Airflow")

MACROS = files("airflow_provider_pgstream") / "dbt_package" / "macros" / "engines"

OF_DBT_ALONE = {
    "postgres",
    "schema_name",
    "name",
    "relid",
    "capture_health",
    "duration_seconds",
    "default_refresh_mode",
    "default_schedule",
    "cannot_hold_names_with",
    "cannot_hold_names_with_words",
    "defers_clean_up",
    "keeps_read_tables",
    "scheduler_populates",
    "busy",
}
"""What Python has elsewhere, or needs not: its sessions refresh one stream table each, for instance."""

FUNCTIONS = ("create", "alter", "drop", "refresh")


class Returned(Exception):
    """What a macro returns; dbt's own `return` raises, too."""


def macro(extension: str) -> dict[str, Any]:
    """Return what the engine's macro returns."""

    def give(value: Any) -> None:
        raise Returned(value)

    # Jinja keeps to itself what begins with an underscore.
    text = (MACROS / f"{extension}.sql").read_text().replace("macro _", "macro ")
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    module = environment.from_string(text, {"return": give}).module
    with pytest.raises(Returned) as returned:
        getattr(module, f"engine_{extension}")()
    value: dict[str, Any] = returned.value.args[0]
    return value


def plain(value: Any) -> Any:
    """Return a value without what only the notation makes different."""
    if isinstance(value, str):
        return re.sub(r"\s+", "", value)
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("engine", known.engines().values(), ids=lambda engine: engine.extension)
def test_what_both_languages_name_is_the_same(engine: Engine) -> None:
    of_dbt = macro(engine.extension)
    shared = [name for name in of_dbt if hasattr(engine, name)]
    assert len(shared) > 30
    for name in shared:
        assert plain(of_dbt[name]) == plain(getattr(engine, name)), name
    assert set(of_dbt) - set(shared) == OF_DBT_ALONE | {*FUNCTIONS, "search_path", "creation_lock"}


@pytest.mark.parametrize("engine", known.engines().values(), ids=lambda engine: engine.extension)
def test_both_languages_take_the_same_locks_and_call_the_same_functions(engine: Engine) -> None:
    of_dbt = macro(engine.extension)
    assert of_dbt["creation_lock"] == ", ".join(map(str, CREATION_LOCK))
    assert of_dbt["search_path"] == SEARCH_PATH
    for name in FUNCTIONS:
        assert of_dbt[name] == f"{engine.schema}.{name}_stream_table"
    for part in ("schema", "name", "relid"):
        key = "schema_name" if part == "schema" else part
        assert of_dbt[key] == f"{engine.prefix}_{part}"


@pytest.mark.parametrize("extension", known.engines())
def test_all_engines_answer_the_same_questions(extension: str) -> None:
    assert set(macro(extension)) == set(macro("pg_stream"))
