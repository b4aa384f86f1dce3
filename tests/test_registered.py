"""What is easily forgotten when something is added: for each kind of thing, where else it has to stand."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger

from airflow_provider_pgstream import exceptions, get_provider_info, operators, sensors, triggers
from airflow_provider_pgstream._engines import hints, known
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

PACKAGE = Path(operators.__file__).parents[1]
DOCS = PACKAGE.parent / "docs"
TASKS = [(package, name) for package in (operators, sensors) for name in package.__all__]


def short(package: Any) -> str:
    return str(package.__name__.rpartition(".")[2])


def public_modules(folder: str) -> list[str]:
    """Return the dotted names of the modules of a folder that are no one's private affair."""
    found = [path.stem for path in sorted((PACKAGE / folder).glob("*.py")) if not path.stem.startswith("_")]
    return [f"{PACKAGE.name}.{folder}.{stem}" for stem in found]


# ---- an operator, a sensor, a trigger


@pytest.mark.parametrize("folder", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_is_one_that_airflow_is_told_of(folder: str) -> None:
    (entry,) = get_provider_info.get_provider_info()[folder]
    assert entry["python-modules"] == public_modules(folder)


@pytest.mark.parametrize("package", [operators, sensors, triggers], ids=short)
def test_every_class_is_exported(package: Any) -> None:
    defined = {
        name
        for module in map(importlib.import_module, public_modules(short(package)))
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, (BaseOperator, BaseTrigger))
        and value.__module__ == module.__name__
    }
    assert set(package.__all__) == defined


def ours(kind: type[Any]) -> list[type[Any]]:
    return [base for base in kind.__mro__ if base.__module__.startswith("airflow_provider_pgstream")]


def own_arguments(kind: type[Any]) -> list[str]:
    inits = [base.__init__ for base in ours(kind) if "__init__" in vars(base)]
    names = [name for init in inits for name in inspect.signature(init).parameters]
    return [name for name in names if name not in ("self", "kwargs")]


@pytest.mark.parametrize(("package", "name"), TASKS, ids=[name for _, name in TASKS])
def test_every_argument_of_a_task_has_a_line_in_its_docstring_and_on_its_page(
    package: Any, name: str
) -> None:
    kind = getattr(package, name)
    folder = DOCS / short(package)
    shared = (folder / "README.md").read_text()
    page = (folder / f"{kind.__module__.rpartition('.')[2]}.md").read_text()
    assert f"`{name}`" in shared
    assert name in page
    for argument in own_arguments(kind):
        documented = f"| `{argument}`" in page or f"| `{argument}`" in shared
        assert documented, f"{name}({argument}=…) stands on no page"
        assert any(f":param {argument}:" in (base.__doc__ or "") for base in ours(kind)), argument


# ---- a refresh option


@pytest.mark.parametrize("option", [field.name for field in fields(RefreshOptions)])
def test_every_refresh_option_reaches_operator_hook_and_triggerer(option: str) -> None:
    assert option in own_arguments(operators.PgStreamRefreshOperator)
    assert hasattr(operators.PgStreamRefreshOperator(task_id="t", stream_table="public.t"), option)
    assert option in RefreshPlan(["public.t"]).to_json()
    in_hook = option in inspect.signature(PgStreamHook.refresh).parameters
    assert in_hook == (option != "include_upstream"), "the hook refreshes one"


# ---- a refused argument

REFUSALS: dict[str, Any] = {
    "when": lambda word: operators.PgStreamRefreshOperator(task_id="t", stream_table="t", when=word),
    "on_locked": lambda word: operators.PgStreamRefreshOperator(
        task_id="t", stream_table="t", on_locked=word
    ),
    "on_error": lambda word: operators.PgStreamRefreshOperator(task_id="t", stream_table="t", on_error=word),
    "on_busy": lambda word: operators.PgStreamRefreshOperator(task_id="t", stream_table="t", on_busy=word),
    "on_suspended": lambda word: operators.PgStreamRefreshOperator(
        task_id="t", stream_table="t", on_suspended=word
    ),
    "on_difference": lambda word: operators.PgStreamVerifyOperator(
        task_id="t", stream_table="t", on_difference=word
    ),
    "if_exists": lambda word: operators.PgStreamCreateOperator(
        task_id="t", stream_table="t", query="select 1", if_exists=word
    ),
    "on_unattended": lambda word: sensors.PgStreamPopulatedSensor(
        task_id="t", stream_table="t", on_unattended=word
    ),
    "on_warning": lambda word: sensors.PgStreamEngineHealthSensor(task_id="t", on_warning=word),
    "refresh_mode": lambda word: PgStreamHook().create("t", "select 1", refresh_mode=word),
    "orchestration_mode": lambda word: PgStreamHook().create("t", "select 1", orchestration_mode=word),
}


def refused_arguments() -> Iterator[str]:
    """Yield the first argument of each call of ``one_of``; those of the gates have tests beside Cosmos."""
    for path in {*PACKAGE.rglob("*.py")} - {*(PACKAGE / "cosmos").glob("*.py")}:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "one_of":
                yield ast.literal_eval(node.args[0])


@pytest.mark.parametrize("argument", sorted(set(refused_arguments())))
def test_every_choice_is_refused_before_anything_is_done(argument: str) -> None:
    with pytest.raises(
        exceptions.InvalidStreamTable, match=f"(?i){argument}='whenever' is not known: give one of"
    ):
        REFUSALS[argument]("whenever")


# ---- an error


def test_every_error_class_is_public_found_by_its_name_and_has_a_line() -> None:
    defined = [
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, exceptions.PgStreamError)
    ]
    assert sorted(exceptions.__all__) == sorted(defined)
    text = (DOCS / "troubleshooting.md").read_text()
    for name in defined:
        assert exceptions.by_name(name) is getattr(exceptions, name)
        assert f"| `{name}` |" in text or name == "PgStreamError"


# ---- a poll query


@pytest.mark.parametrize("name", ["StreamTableTrigger", "CaptureTrigger", "EngineCheckTrigger"])
def test_triggers_of_a_kind_share_their_poll(name: str) -> None:
    kind = getattr(triggers, name)
    arguments = {
        "StreamTableTrigger": (["public.t"], {"kind": "Populated"}),
        "CaptureTrigger": (),
        "EngineCheckTrigger": ({"kind": "Healthy"},),
    }[name]
    first, second = kind(*arguments), kind(*arguments)
    assert first.poll is second.poll, "a poll made for each trigger is a query for each trigger"
    assert list(inspect.signature(first.poll).parameters) == ["connection", "engine", "names"]


# ---- an engine, a hint

MODULES_OF_ENGINES = [
    path.stem for path in sorted(Path(known.__file__).parent.glob("*.py")) if path.stem != "__init__"
]


WITH_MACROS = [
    extension
    for extension in MODULES_OF_ENGINES
    if (PACKAGE / "dbt_package" / "macros" / "engines" / f"{extension}.sql").exists()
]


@pytest.mark.parametrize("extension", MODULES_OF_ENGINES)
def test_every_engine_is_found_and_has_hints(extension: str) -> None:
    engine = known.engines()[extension]
    assert engine.extension == extension
    assert hints._hints(engine)


@pytest.mark.parametrize("extension", WITH_MACROS)
def test_every_engine_that_the_package_knows_has_its_macros(extension: str) -> None:
    macros = (PACKAGE / "dbt_package" / "macros" / "engines" / f"{extension}.sql").read_text()
    for macro in (f"_engine_{extension}()", f"_hints_{extension}()"):
        assert f"macro {macro}" in macros


@pytest.mark.parametrize("extension", WITH_MACROS)
def test_every_hint_has_a_pattern_that_both_languages_can_read_and_a_text_for_each(extension: str) -> None:
    text = (PACKAGE / "dbt_package" / "macros" / "engines" / f"{extension}.sql").read_text()
    written = hints._JSON.search(text)
    assert written is not None
    entries = json.loads(written[1])
    assert entries
    for entry in entries:
        assert set(entry) <= {"pattern", "hint", "airflow", "dbt"}, entry
        assert re.compile(entry["pattern"])
        assert "(?" not in entry["pattern"], "PostgreSQL reads what Python does not, and the reverse"
        assert "hint" in entry or {"airflow", "dbt"} <= set(entry), entry
    assert len(hints._hints(known.engines()[extension])) == len(entries)


# ---- a dbt key, a dbt operation

MACROS = "\n".join(path.read_text() for path in sorted((PACKAGE / "dbt_package" / "macros").rglob("*.sql")))
PAGE = (PACKAGE / "dbt_package" / "README.md").read_text()
OPERATIONS = re.findall(r"{%-? macro (pgstream_\w+|drop_all\w+)\((.*?)\) -?%}", MACROS)


def test_every_key_of_a_model_has_a_line() -> None:
    (body,) = re.findall(r"{% macro _?settings\(\) %}(.*?){% endmacro %}", MACROS, re.DOTALL)
    keys = re.findall(r"^ +'(\w+)':", body, re.MULTILINE)
    assert keys
    assert [key for key in keys if f"`{key}`" not in PAGE] == []


@pytest.mark.parametrize(("name", "arguments"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_operation_is_described_for_dbt_and_has_its_line(name: str, arguments: str) -> None:
    schema = (PACKAGE / "dbt_package" / "macros" / "schema.yml").read_text()
    assert f"  - name: {name}\n" in schema
    assert name in PAGE
    for argument in re.findall(r"(\w+)(?:=[^,]+)?", re.sub(r"=[^,]+", "", arguments)):
        assert f"      - name: {argument}\n" in schema, argument
