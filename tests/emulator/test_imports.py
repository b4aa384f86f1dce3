"""What starting pytest or the scheduler costs: no Airflow, and nothing that is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest


def imported_by(module: str) -> set[str]:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["_server", "_scheduler", "__main__"])
def test_emulator_does_not_import_airflow(module):
    assert "airflow" not in imported_by(f"airflow_provider_pgstream.emulator.{module}")


def test_pytest_plugin_imports_nothing_but_pytest():
    modules = imported_by("airflow_provider_pgstream.emulator.fixtures")
    assert not modules & {"airflow", "psycopg", "croniter", "airflow_provider_pgstream.emulator._server"}


def test_package_needs_no_pytest():
    assert "pytest" not in imported_by("airflow_provider_pgstream.emulator._server")
