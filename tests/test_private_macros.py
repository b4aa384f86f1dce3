"""
What no model may call has no page in ``dbt docs``: the list of it, which
``python -m tests.test_private_macros`` rewrites.
"""

from __future__ import annotations

import re

import yaml

from airflow_provider_pgstream.dbt import package_path

MACROS = package_path() / "macros"
LIST = MACROS / "private.yml"
HEAD = """# What no model may call, kept out of the pages that `dbt docs` makes: macros that begin with an
# underscore, the materialization, what stands behind a dispatch.
# `python -m tests.test_private_macros` rewrites this list.
version: 2

macros:
"""


def private() -> list[str]:
    """Return the names of all macros that are not for users, as dbt has them."""
    names = set()
    for file in MACROS.rglob("*.sql"):
        text = file.read_text()
        names |= set(re.findall(r"\{% macro ((?:_|default__)\w+)", text))
        made = re.findall(r"\{% materialization (\w+)", text)
        names |= {f"materialization_{name}_postgres" for name in made}
    return sorted(names)


def listed() -> str:
    """Return the list as it should be."""
    return HEAD + "".join(f"  - {{name: {name}, docs: {{show: false}}}}\n" for name in private())


def test_what_no_model_may_call_has_no_page():
    assert LIST.read_text() == listed(), "python -m tests.test_private_macros rewrites it"
    public = [macro["name"] for macro in yaml.safe_load((MACROS / "schema.yml").read_text())["macros"]]
    assert not set(public) & set(private())


if __name__ == "__main__":
    LIST.write_text(listed())


def test_every_macro_that_another_calls_is_there() -> None:
    text = "".join(file.read_text() for file in MACROS.rglob("*.sql"))
    defined = set(re.findall(r"\{% macro (?:default__)?(\w+)\(", text))
    called = set(re.findall(r"\bpgstream\.(_?\w+)\(", text))
    assert called - defined == set()
