"""The example of docs/testing.md, run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
FILE = re.compile(r"`((?:dags|tests)/\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with the files that the page shows."""
    files = FILE.findall(PAGE.read_text(encoding="utf-8"))
    assert [name for name, _ in files] == [
        "dags/order_totals.py",
        "tests/conftest.py",
        "tests/test_order_totals.py",
    ]
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_example_passes_as_it_stands(project):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        check=False,
        capture_output=True,
        text=True,
        cwd=project,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_page_names_what_the_server_offers():
    from airflow_provider_pgstream.emulator import PgStreamServer

    section = PAGE.read_text(encoding="utf-8").split("## The server")[1].split("\n## ")[0]
    called = set(re.findall(r"\b([a-z_]+)\(", section)) - {"with"}
    assert called >= {"dsn", "reset", "down"}
    assert not [name for name in called if not hasattr(PgStreamServer, name)]
