"""The demo as a newcomer runs it, from an empty environment to the final tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.full
def test_the_demo_ends_with_every_flight_counted_in_every_table() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    ended = subprocess.run(
        [ROOT / "scripts" / "demo"],
        capture_output=True,
        text=True,
        env=environment | {"PYTHON": sys.executable},
        timeout=1800,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" 51,955\n") == 7
    for line in (
        "January: one run of flight_delays",
        "February: one run of flight_delays",
        "What to try next",
    ):
        assert line in ended.stdout
