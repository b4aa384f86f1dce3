"""The package as its users get it: from git, from the wheel, with README and integration tests."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_pgstream.dbt import package_path
from tests.fixtures.engine import IS_FIRST

README = (package_path() / "README.md").read_text()
MACROS = package_path() / "macros"
HEADINGS = [
    "Prerequisites",
    "Installation",
    "Quick Start",
    "Configuration Reference",
    "Operations",
    "Freshness Monitoring",
    "Useful `dbt` Commands",
    "Testing",
    "`__pgs_row_id` Column",
    "Limitations",
    "Contributing",
    "License",
]


def test_the_module_prints_the_path_of_the_package():
    printed = subprocess.run(
        [sys.executable, "-m", "airflow_provider_pgstream.dbt"], capture_output=True, text=True, check=True
    )
    assert Path(printed.stdout.strip()) == package_path()
    assert (package_path() / "dbt_project.yml").exists()


def test_the_readme_keeps_the_originals_headings_in_their_order():
    assert re.findall(r"^## (.*)$", README, re.MULTILINE) == HEADINGS


def documented():
    return {
        macro["name"]: [argument["name"] for argument in macro["arguments"]]
        for macro in yaml.safe_load((MACROS / "schema.yml").read_text())["macros"]
    }


def public():
    """What a user may call: everything but private macros and the implementations behind a dispatch."""
    for file in MACROS.rglob("*.sql"):
        for kind, name, arguments in re.findall(r"\{% (macro|test) (\w+)\(([^)]*)\)", file.read_text()):
            if not name.startswith(("_", "default__")):
                names = [one.split("=")[0].strip() for one in arguments.split(",") if one.strip()]
                yield ("test_" + name if kind == "test" else name), names


def test_what_a_user_may_call_is_documented_with_its_arguments_and_nothing_else_is():
    assert dict(public()) == documented()


def test_a_private_macro_is_called_by_its_qualified_name():
    # Unqualified names are undefined within a materialization.
    for file in MACROS.rglob("*.sql"):
        for line in file.read_text().splitlines():
            if not line.startswith("{% macro "):
                assert not re.search(r"(?<![.\w'])_[a-z]\w*\(", line), f"{file.name}: {line}"


def test_it_installs_from_a_git_tag(project, tmp_path):
    repository = tmp_path / "origin"
    shutil.copytree(
        package_path(),
        repository / "airflow_provider_pgstream/dbt_package",
        ignore=shutil.ignore_patterns("dbt_packages", "target", "logs"),
    )
    for command in ("init -q", "add .", "-c user.name=t -c user.email=t@t commit -q -m one", "tag v0.1.0"):
        subprocess.run(["git", *shlex.split(command)], cwd=repository, check=True)
    own = tmp_path / "own"
    shutil.copytree(project.path, own, ignore=shutil.ignore_patterns("dbt_packages", "target*", "logs"))
    (own / "packages.yml").write_text(
        f'packages:\n  - git: "file://{repository}"\n    revision: v0.1.0\n'
        '    subdirectory: "airflow_provider_pgstream/dbt_package"\n'
    )
    project = type(project)(own, project.dsn)
    project.model("t", "select id from {{ source('raw', 'orders') }}")
    deps = project.dbt("deps")
    assert deps.success, deps.text
    assert project.run().success
    assert project.stream_table("t")["is_populated"]


def test_it_installs_from_the_path_in_the_environment(project, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(project.path, own, ignore=shutil.ignore_patterns("dbt_packages", "target*", "logs"))
    (own / "packages.yml").write_text("packages:\n  - local: \"{{ env_var('PGSTREAM_DBT_PACKAGE') }}\"\n")
    project = type(project)(own, project.dsn)
    project.env["PGSTREAM_DBT_PACKAGE"] = str(package_path())
    project.model("t", "select id from {{ source('raw', 'orders') }}")
    assert project.dbt("deps").success
    assert project.run().success


def readme_commands():
    """Every `dbt …` command of the README, as it stands there."""
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if (
                line.startswith("dbt ")
                and "deps" not in line
                and line.split("#")[0].strip() not in ("dbt seed", "dbt run", "dbt test")
            ):
                yield line.split("#")[0].strip()


def test_every_command_of_the_readme_works_as_it_stands_there(project):
    model = re.search(r"```sql\n(-- models/marts/order_totals.sql.*?)```", README, re.DOTALL).group(1)
    project.write("models/marts/order_totals.sql", model)
    project.write(
        "models/marts/tests.yml",
        "version: 2\n" + re.search(r"## Testing.*?```yaml\n(.*?)```", README, re.DOTALL).group(1),
    )
    assert project.run().success
    commands = list(readme_commands())
    assert len(commands) >= 18
    for command in commands:
        if command == "dbt source freshness":  # its own test
            continue
        if not IS_FIRST:  # the page moves from the first engine to the second
            command = command.replace("{to: pg_trickle}", "{to: pg_stream}")
        result = project.dbt(*shlex.split(command)[1:])
        assert result.success, f"{command}\n{result.text[-2000:]}"
        if "drop_all" in command:
            assert project.stream_table("order_totals") is None
            assert project.run().success


def test_the_integration_project_runs_as_plain_commands(project, tmp_path):
    project.write_artifacts()
    package = tmp_path / "package"
    shutil.copytree(package_path(), package, ignore=shutil.ignore_patterns("dbt_packages", "target", "logs"))
    env = {**os.environ, **project.env, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    env.pop("PGSTREAM_DBT_PACKAGE", None)
    commands = (
        re.search(r"## Contributing.*?```bash\ncd integration_tests\n(.*?)```", README, re.DOTALL)
        .group(1)
        .splitlines()
    )
    assert commands == [
        "dbt deps",
        "dbt seed",
        "dbt run",
        "./scripts/wait_for_populated.sh order_totals 30",
        "dbt test",
    ]
    for command in [*commands, "dbt snapshot", "dbt run --full-refresh", "dbt test", "dbt docs generate"]:
        done = subprocess.run(
            shlex.split(command),
            cwd=package / "integration_tests",
            env=env,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert project.sql("select count(*) from shop.report") == [(4,)]


@pytest.mark.parametrize(("args", "code"), [("{model_name: order_totals}", 0), ("{model_name: nowhere}", 1)])
def test_exit_codes(totals, args, code):
    process = totals.command("run-operation", "pgstream_refresh", "--args", args)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == code, output
