"""The built distributions, as somebody who installs them from an index meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints" / "main.txt"

PUBLIC_NAMES = {
    "airflow_provider_pgstream.hooks.pgstream": ["PgStreamHook"],
    "airflow_provider_pgstream.operators": [
        "PgStreamCreateOperator",
        "PgStreamAlterOperator",
        "PgStreamRefreshOperator",
        "PgStreamVerifyOperator",
        "PgStreamDropOperator",
    ],
    "airflow_provider_pgstream.sensors": [
        "PgStreamPopulatedSensor",
        "PgStreamFreshnessSensor",
        "PgStreamCdcHealthSensor",
        "PgStreamStatusSensor",
    ],
    "airflow_provider_pgstream.triggers": ["PgStreamRefreshTrigger"],
    "airflow_provider_pgstream.cosmos": ["gate_stream_tables", "PgStreamDbtDag", "PgStreamDbtTaskGroup"],
    "airflow_provider_pgstream.emulator": ["PgStreamServer"],
    "airflow_provider_pgstream.exceptions": ["PgStreamError"],
}


@pytest.fixture(scope="module")
def distributions(network: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel built from it."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, ROOT], check=True, capture_output=True)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def make_environment(directory: Path, requirement: str) -> Path:
    """Install ``requirement`` into an empty virtual environment and return its ``bin``."""
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, directory], check=True)
    subprocess.run(
        ["uv", "pip", "install", "--quiet", "--constraint", CONSTRAINTS, requirement],
        check=True,
        env={**os.environ, "VIRTUAL_ENV": str(directory)},
    )
    return directory / "bin"


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of an environment that holds the wheel with all its extras."""
    extras = "[cosmos,dbt,emulator,openlineage]"
    return make_environment(tmp_path_factory.mktemp("installed") / "env", f"{distributions[1]}{extras}")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Environment variables of a user who has never run anything."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "airflow")}


def run(installed: Path, home: dict[str, str], *command: str) -> str:
    """Run a program of the environment away from the checkout; return what it prints."""
    done = subprocess.run(
        [installed / command[0], *command[1:]], cwd=home["HOME"], env=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_in(distribution: Path) -> set[str]:
    if distribution.suffix == ".whl":
        return set(zipfile.ZipFile(distribution).namelist())
    with tarfile.open(distribution) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}


@pytest.mark.parametrize("index", [0, 1], ids=["sdist", "wheel"])
def test_every_file_of_the_package_is_in_the_distribution(
    distributions: tuple[Path, Path], index: int
) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "airflow_provider_pgstream"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert {name for name in tracked if name.endswith(".sql")}, "no SQL is tracked: the check would be empty"
    assert set(tracked) - names_in(distributions[index]) == set()


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_public_names_import_from_the_wheel(installed: Path, home: dict[str, str], module: str) -> None:
    program = (
        f"from {module} import {', '.join(PUBLIC_NAMES[module])}; import {module} as m; print(m.__file__)"
    )
    where = run(installed, home, "python", "-W", "error::SyntaxWarning", "-c", program).splitlines()[-1]
    assert str(installed.parent) in where


def test_airflow_lists_the_provider(installed: Path, home: dict[str, str]) -> None:
    printed = run(
        installed, home, "airflow", "providers", "get", "airflow-provider-pgstream", "--output", "json"
    )
    (provider,) = json.loads(printed[printed.index("[") :])
    assert provider["Provider"] == "airflow-provider-pgstream"
    assert provider["Version"] == "0.1.0"


def test_the_dbt_package_is_found_where_it_was_installed(installed: Path, home: dict[str, str]) -> None:
    where = Path(run(installed, home, "python", "-m", "airflow_provider_pgstream.dbt").strip())
    assert installed.parent in where.parents
    assert (where / "dbt_project.yml").is_file()


@pytest.fixture
def emulator(installed: Path, home: dict[str, str]) -> Iterator[str]:
    """The emulator of the wheel; yields its ready line's DSN."""
    process = subprocess.Popen(
        [installed / "python", "-m", "airflow_provider_pgstream.emulator", "--port", "0"],
        cwd=home["HOME"],
        env=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "postgresql://" in line:
                yield next(word for word in line.split() if word.startswith("postgresql://"))
                break
        else:
            pytest.fail("the emulator ended without a ready line:\n" + "".join(printed))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_the_emulator_runs_from_the_wheel(installed: Path, home: dict[str, str], emulator: str) -> None:
    program = f"""
import psycopg
with psycopg.connect({emulator!r}, autocommit=True) as connection:
    connection.execute("create table t (id int)")
    connection.execute("insert into t values (1), (2)")
    connection.execute("select pgstream.create_stream_table('public.s', 'select id from public.t')")
    print(connection.execute("select sum(id) from public.s").fetchone()[0])
"""
    assert run(installed, home, "python", "-c", program).strip() == "3"


def test_without_extras_the_operators_import_and_cosmos_says_what_to_install(
    distributions: tuple[Path, Path], home: dict[str, str], tmp_path: Path
) -> None:
    bare = make_environment(tmp_path / "bare", str(distributions[1]))
    run(
        bare,
        home,
        "python",
        "-c",
        "import airflow_provider_pgstream.operators, airflow_provider_pgstream.sensors",
    )
    done = subprocess.run(
        [bare / "python", "-c", "import airflow_provider_pgstream.cosmos"],
        cwd=home["HOME"],
        env=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "pip install 'airflow-provider-pgstream[cosmos]'" in done.stderr
