"""The distributions as a package index takes and shows them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_pgstream import __version__
from hatch_build import readme_for_an_index

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def relative(readme: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)#\s][^)\s]*)\)", readme) if "://" not in target]


def test_links_of_the_readme_lead_somewhere_from_an_index() -> None:
    assert relative(README)
    assert relative(readme_for_an_index(README, "")) == []
    there = readme_for_an_index(README, "https://example.org/blob/v1")
    assert relative(there) == []
    assert "(https://example.org/blob/v1/docs/engines.md)" in there
    assert there.count("](") == README.count("](")


@pytest.mark.parametrize(
    ("written", "nowhere", "somewhere"),
    [
        (
            "see [this](a.md#b), [that](https://x.y)",
            "see this, [that](https://x.y)",
            "[this](https://e/a.md#b)",
        ),
        ("![p](a.png) x", " x", "![p](https://e/a.png)"),
        ("[![CI](a.svg)](b)", "", "[![CI](https://e/a.svg)](https://e/b)"),
        ("[![CI](https://x/a.svg)](b)", "![CI](https://x/a.svg)", "[![CI](https://x/a.svg)](https://e/b)"),
    ],
)
def test_a_link_for_an_index(written: str, nowhere: str, somewhere: str) -> None:
    assert readme_for_an_index(written, "") == nowhere
    assert somewhere in readme_for_an_index(written, "https://e")


def test_an_index_takes_the_distributions(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        f"airflow_provider_pgstream-{__version__}-py3-none-any.whl",
        f"airflow_provider_pgstream-{__version__}.tar.gz",
    ]
    twine = [sys.executable, "-m", "twine", "check", "--strict", *tmp_path.iterdir()]
    done = subprocess.run(twine, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tag_of_another_version_builds_nothing() -> None:
    done = subprocess.run([ROOT / "scripts" / "build", "v0.0.0"], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"the tag is v0.0.0, and the version v{__version__}" in done.stderr


def test_the_version_stands_in_one_place_and_the_dbt_package_has_the_same() -> None:
    project = (ROOT / "airflow_provider_pgstream" / "dbt_package" / "dbt_project.yml").read_text()
    assert yaml.safe_load(project)["version"] == __version__
    assert f'"{__version__}"' not in (ROOT / "pyproject.toml").read_text()
    assert f'"{__version__}"' not in (ROOT / "airflow_provider_pgstream" / "get_provider_info.py").read_text()
