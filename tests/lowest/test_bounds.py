"""The environment `lowest` is what pyproject.toml allows at the least."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
    Requirement(text)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
]
# Older ones do not go with Airflow 2.11; the environment dbt-1.6 has them, without Airflow.
HIGHER = {"dbt-core", "dbt-postgres"}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_a_lower_bound_is_what_is_installed(requirement: Requirement) -> None:
    (lower,) = [bound.version for bound in requirement.specifier if bound.operator == ">="]
    installed = Version(version(requirement.name))
    assert installed >= Version(lower)
    assert (installed == Version(lower)) is (requirement.name not in HIGHER)
