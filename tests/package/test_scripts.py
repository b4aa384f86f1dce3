"""The scripts on machines that lack something: certificates of uv's own liking, venv, pip, ps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.processes import Processes

ROOT = Path(__file__).parents[2]
TRUST = {"UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "SSL_CERT_FILE", "SSL_CERT_DIR"}
WITHOUT_VENV = """#!/bin/sh
case "$*" in *"-m venv"*) exit 1 ;; *"-m pip"*) {pip} ;; esac
exec "{python}" "$@"
"""


def sourced(program: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell program that has sourced scripts/env.sh, without what the tests' own environment trusts."""
    environment = {name: value for name, value in os.environ.items() if name not in TRUST}
    return subprocess.run(
        ["sh", "-e", "-c", f". scripts/env.sh\n{program}", "scripts/demo"],
        cwd=cwd,
        env={**environment, **variables},
        capture_output=True,
        text=True,
    )


def trust_of(**variables: str) -> dict[str, str]:
    """Return what uv is told to trust."""
    listed = sourced("env", **variables).stdout.splitlines()
    pairs = (line.partition("=") for line in listed)
    return {name: value for name, _, value in pairs if name in TRUST}


def test_uv_trusts_what_the_system_trusts_by_either_name_of_the_option() -> None:
    assert trust_of() == {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}


@pytest.mark.parametrize("name", sorted(TRUST))
def test_what_the_user_has_said_about_certificates_stands(name: str) -> None:
    assert trust_of(**{name: "/theirs"}) == {name: "/theirs"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with a blank in its name, and the scripts in it."""
    shutil.copytree(ROOT / "scripts", tmp_path / "a clone" / "scripts")
    return tmp_path / "a clone"


def without_venv(directory: Path, pip: str) -> str:
    """A Python that makes no virtual environment, and whose ``-m pip`` does ``pip``."""
    python = directory / "python3"
    python.write_text(WITHOUT_VENV.format(python=sys.executable, pip=pip))
    python.chmod(0o755)
    return str(python)


def test_uv_is_installed_without_venv(checkout: Path, tmp_path: Path) -> None:
    pip = 'mkdir -p .envs/boot/bin; echo "$*" >.envs/boot/bin/uv; chmod +x .envs/boot/bin/uv; exit 0'
    done = sourced("pgstream_uv", cwd=checkout, PYTHON=without_venv(tmp_path, pip))
    assert done.stdout == ".envs/boot/bin/uv\n", done.stderr
    assert (
        checkout / ".envs/boot/bin/uv"
    ).read_text() == "-m pip install --quiet --target .envs/boot uv>=0.5\n"


def test_a_python_without_venv_and_pip_is_told_of(checkout: Path, tmp_path: Path) -> None:
    done = sourced("pgstream_uv", cwd=checkout, PYTHON=without_venv(tmp_path, "exit 1"))
    assert done.returncode == 1
    assert "makes no virtual environment" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_processes_end_together_without_ps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sh = shutil.which("sh")
    assert sh is not None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ps") is None
    with Processes() as processes:
        processes.start("deaf", [sh, "-c", "trap '' TERM; while :; do :; done"], tmp_path / "log", {})
        pid = processes.started["deaf"].pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
