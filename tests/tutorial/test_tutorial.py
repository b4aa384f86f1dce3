"""docs/tutorial.md, typed as it stands: the rows after each step, and the picture."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEPS = re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)[1:]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ACTIVATE = ". .venv/bin/activate\n"


def blocks(step: str, language: str) -> list[str]:
    """Return the blocks of a language of the step with that title."""
    (text,) = [text for text in STEPS if text.startswith(step)]
    return [block for given, block in BLOCK.findall(text) if given == language]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The clone, in which the environment of the tests is the one that step 1 installs."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / ".airflow" / "dags").mkdir(parents=True)
    (program,) = blocks("Write the DAG", "python")
    (tmp_path / ".airflow" / "dags" / "sales.py").write_text(program)
    (tmp_path / ".airflow" / "picture.py").write_text(blocks("Look at it", "python")[0])
    return tmp_path


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "HOME") if name in os.environ}
    return kept | {"AIRFLOW__CORE__LOAD_EXAMPLES": "false"}


@contextmanager
def server(directory: Path) -> Iterator[None]:
    (commands,) = blocks("Start a database", "sh")
    *first, last = commands.strip().splitlines()
    process = subprocess.Popen(
        ["sh", "-e", "-c", "\n".join([*first, f"exec {last}"])],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready in ")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def typed(directory: Path, *steps: str) -> str:
    """Type the commands of steps in one terminal, and return what they print."""
    before = blocks("Make a source", "sh")[0].partition("psql")[0]
    commands = before + "".join(block for step in steps for block in blocks(step, "sh"))
    done = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def sums(printed: str) -> list[tuple[int, int]]:
    """Return orders and sales of each day, of what psql prints last."""
    rows = re.findall(r"^ (2026-01-0\d) \| +(\d+) \| +(\d+)$", printed, re.MULTILINE)
    return [(int(orders), int(sales)) for _, orders, sales in rows[-7:]]


def test_the_tutorial_leads_to_rows_and_to_a_picture(directory: Path) -> None:
    with server(directory):
        rows = sums(typed(directory, "Make a source", "Run it"))
        assert [orders for orders, _ in rows] == [10] * 7
        changed = sums(typed(directory, "Change the source"))
        assert {new for new, old in zip(changed, rows, strict=True) if new != old} == {
            (11, rows[0][1] + 5000),
            (9, rows[3][1] - 30),
        }
        command = blocks("Make a source", "sh")[0].partition("psql")[0] + "python .airflow/picture.py"
        subprocess.run(["sh", "-e", "-c", command], cwd=directory, env=environment(), check=True)
    drawn = (directory / "sales.svg").read_text()
    assert drawn.count("<rect ") == 7
    assert drawn == (ROOT / "docs" / "images" / "sales.svg").read_text().strip()
