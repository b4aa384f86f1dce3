"""The examples of the operators' pages, each a DAG as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_pgstream import operators
from airflow_provider_pgstream._compat import AIRFLOW_3

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
