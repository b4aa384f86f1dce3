"""The pages on operators: their examples run, and every error class has its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_pgstream import exceptions, operators
from airflow_provider_pgstream.compat import AIRFLOW_3

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for path in (DOCS / "operators").glob("*.md") if path.name != "README.md")


@pytest.mark.skipif(not AIRFLOW_3, reason="the examples are written for Airflow 3, which has airflow.sdk")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_example_of_the_page_is_a_dag(page: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, object] = {}
    exec(compile(blocks[0], str(page), "exec"), names)  # noqa: S102 - it is what a reader would run
    assert any(name in names for name in operators.__all__)


@pytest.mark.parametrize("name", operators.__all__)
def test_every_argument_of_an_operator_stands_on_its_page(name: str) -> None:
    page = DOCS / "operators" / f"{name.removeprefix('PgStream').removesuffix('Operator').lower()}.md"
    arguments = re.findall(r"^    :param (\w+):", getattr(operators, name).__doc__ or "", re.MULTILINE)
    assert arguments
    for argument in arguments:
        assert f"| `{argument}`" in page.read_text()


def test_every_error_class_has_a_line() -> None:
    text = (DOCS / "troubleshooting.md").read_text()
    classes = [
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, exceptions.PgStreamError)
    ]
    missing = [name for name in classes if f"| `{name}` |" not in text and name != "PgStreamError"]
    assert missing == []
