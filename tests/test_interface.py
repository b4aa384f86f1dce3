"""
The public interface, as ``interface.txt`` beside this file has it: names, arguments, defaults.

A line that goes is a user's DAG that breaks. After a change that is meant:
``python -m tests.test_interface`` writes it.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "airflow_provider_pgstream"
ROOT = Path(__file__).parents[1]
SNAPSHOT = Path(__file__).with_name("interface.txt")
MACRO = re.compile(r"{%-? macro ((?:pgstream_\w+|drop_all\w+|star|loaded_at_query)\(.*?\)) -?%}")
TEST_OR_MATERIALIZATION = re.compile(r"{% ((?:test|materialization) .*?) %}")


def interface() -> list[str]:
    """Return the interface, a line for each name and for each argument."""
    return sorted({*_tasks(), *_hook(), *_errors(), *_rows(), *_functions(), *_emulator(), *_macros()})


def _module(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what Cosmos and Airflow use of each other
        return importlib.import_module(f"{PACKAGE}.{name}")


def _arguments(name: str, function: Callable[..., Any]) -> Iterator[str]:
    yield name
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        only = ", by keyword" if parameter.kind is parameter.KEYWORD_ONLY else ""
        yield f"{name}: {parameter.name}{default}{only}"


def _tasks() -> Iterator[str]:
    """Operators, sensors and triggers, with the arguments of those of their bases that are ours."""
    for package in ("operators", "sensors", "triggers"):
        module = _module(package)
        for name in module.__all__:
            kind, seen = getattr(module, name), set()
            for base in kind.__mro__:
                if not base.__module__.startswith(PACKAGE) or "__init__" not in vars(base):
                    continue
                for line in _arguments(f"{package}.{name}", base.__init__):
                    argument = line.split(": ")[-1].split(" ")[0].rstrip(",")
                    if argument not in seen:
                        yield line
                    seen.add(argument)
            yield f"{package}.{name}: template_fields = {getattr(kind, 'template_fields', ())!r}"


def _hook() -> Iterator[str]:
    hook = _module("hooks.pgstream").PgStreamHook
    for name, member in vars(hook).items():
        if name.startswith("_"):
            continue
        if inspect.isfunction(member):
            yield from _arguments(f"hooks.pgstream.PgStreamHook.{name}", member)
        elif isinstance(member, (str, property)):
            value = f" = {member!r}" if isinstance(member, str) else ""
            yield f"hooks.pgstream.PgStreamHook.{name}{value}"


def _errors() -> Iterator[str]:
    module = _module("exceptions")
    for name, kind in vars(module).items():
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            yield f"exceptions.{name}({', '.join(base.__name__ for base in kind.__bases__)})"


def _rows() -> Iterator[str]:
    """The rows that the hook returns: what can be read of them."""
    module = _module("models")
    for name, kind in vars(module).items():
        if isinstance(kind, type) and kind.__module__ == module.__name__ and name != "Row":
            properties = [key for key, value in inspect.getmembers(kind) if isinstance(value, property)]
            fields = getattr(kind, "__dataclass_fields__", ())
            yield from (f"models.{name}.{member}" for member in (*fields, *properties))


def _functions() -> Iterator[str]:
    for package in ("cosmos", "dbt"):
        module = _module(package)
        for name in module.__all__:
            member = getattr(module, name)
            if isinstance(member, str):
                yield f"{package}.{name} = {member!r}"
            elif inspect.isclass(member):
                yield from _arguments(f"{package}.{name}", member.__init__)
            else:
                yield from _arguments(f"{package}.{name}", member)


def _emulator() -> Iterator[str]:
    server = _module("emulator").PgStreamServer
    yield from _arguments("emulator.PgStreamServer", server.__init__)
    for name, member in vars(server).items():
        if not name.startswith("_"):
            function = member if inspect.isfunction(member) else None
            yield from (
                _arguments(f"emulator.PgStreamServer.{name}", function)
                if function
                else [f"emulator.PgStreamServer.{name}"]
            )


def _macros() -> Iterator[str]:
    for path in (ROOT / PACKAGE / "dbt_package" / "macros").rglob("*.sql"):
        text = path.read_text()
        yield from (f"dbt macro {found}" for found in MACRO.findall(text))
        yield from (f"dbt {found}" for found in TEST_OR_MATERIALIZATION.findall(text))


@pytest.mark.airflow3  # with Cosmos, which the other environment lacks
def test_public_interface_is_as_it_was() -> None:
    was, now = SNAPSHOT.read_text().splitlines(), interface()
    changed = "\n".join(difflib.unified_diff(was, now, "was", "is", lineterm="", n=0))
    assert not changed, (
        f"{changed}\n\nIf all of it is meant, and in the changelog: python -m tests.test_interface"
    )


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(interface()) + "\n")
