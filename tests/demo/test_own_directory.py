"""The demo empties the directory that it made, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.database import DemoError
from demo.own_directory import MARK, emptied

ROOT = Path(__file__).parents[2]


def test_a_home_with_an_airflow_of_the_users_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "airflow").mkdir(parents=True)
    (home / "airflow" / "airflow.cfg").write_text("mine")
    (home / "lock").write_text("mine")

    ended = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "PGSTREAM_DEMO_DIR": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ended.returncode == 1
    assert ended.stdout == "", "it begins nothing before it has looked"
    assert f"{home}/airflow is not marked as the demo's" in ended.stderr
    assert "set PGSTREAM_DEMO_DIR to another directory" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert (home / "airflow" / "airflow.cfg").read_text() == "mine"
    assert (home / "lock").read_text() == "mine"


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    ended = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "PGSTREAM_DEMO_DIR": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert f"{tmp_path}/file cannot be used (File exists): set PGSTREAM_DEMO_DIR" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_what_an_earlier_demo_left_is_removed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    directory = emptied(tmp_path / "airflow")
    (directory / "logs").mkdir()
    (directory / "logs" / "old").write_text("old")
    (directory / "dags").symlink_to(kept)

    assert emptied(directory) == directory

    assert [entry.name for entry in directory.iterdir()] == [MARK]
    assert (kept / "file").read_text() == "mine"


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    assert (emptied(tmp_path / "airflow") / MARK).exists()


@pytest.mark.parametrize("what", ["file", "link to a marked directory"])
def test_what_is_no_directory_of_the_demo_is_refused(tmp_path: Path, what: str) -> None:
    place = tmp_path / "airflow"
    if what == "file":
        place.write_text("mine")
    else:
        place.symlink_to(emptied(tmp_path / "elsewhere"))
        (tmp_path / "elsewhere" / "old").write_text("mine")
    with pytest.raises(DemoError, match="is not marked as the demo's"):
        emptied(place)
    assert place.read_text() == "mine" if what == "file" else (place / "old").read_text() == "mine"
