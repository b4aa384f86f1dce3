"""What the project has for whoever hosts it: workflows, forms, hooks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def check(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_are_what_github_takes() -> None:
    assert WORKFLOWS
    check("vendor.github-workflows", *WORKFLOWS)
    check("vendor.dependabot", GITHUB / "dependabot.yml")
    for form in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml"):
        if form.name != "config.yml":
            fields = yaml.safe_load(form.read_text())
            assert {"name", "description", "body"} <= set(fields)
            assert {part["type"] for part in fields["body"]} <= {"markdown", "textarea"}


def jobs() -> list[dict]:
    return [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]


def test_workflows_run_the_scripts_that_run_anywhere_and_nothing_of_their_own() -> None:
    run = {step["run"] for job in jobs() for step in job["steps"] if "run" in step}
    assert run == {".ci/run", 'scripts/test "$PART"', 'scripts/build "$TAG"'}
    for command in run:
        assert (ROOT / command.split()[0]).stat().st_mode & 0o111


def test_the_matrix_has_every_part() -> None:
    script = (ROOT / "scripts" / "test").read_text()
    (parts,) = re.findall(r'^parts="(.*)"$', script, re.MULTILINE)
    (matrix,) = [job["strategy"]["matrix"]["part"] for job in jobs() if "strategy" in job]
    assert matrix == sorted(parts.split())


def test_only_the_job_that_publishes_may_ask_for_an_identity() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            assert job.get("permissions") == ({"id-token": "write"} if name == "publish" else None)


def test_the_pre_commit_hooks_are_valid() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", ROOT / ".pre-commit-config.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
