"""A newcomer's first minutes: the README's commands, in their order, up to the rows of the first DAG."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import readme
from tests.package.newcomer import Newcomer

# The commands that another test runs, and which: every other one is run here.
RUN_ELSEWHERE = {
    "scripts/demo": "tests/demo/test_whole.py",
    "scripts/test": ".ci/run",
}
SERVER = "python -m airflow_provider_pgstream.emulator --port 55432"
PORT = "55432"


@pytest.fixture
def newcomer(network: None, tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path)


@pytest.fixture
def port() -> Iterator[str]:
    """A free port: the README's own may be taken on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    return str(number)


def test_every_block_is_of_a_language_that_a_test_reads() -> None:
    assert readme.languages() == {"sh", "python", "sql"}


@pytest.mark.parametrize("command", RUN_ELSEWHERE)
def test_a_command_that_is_run_elsewhere_is_in_the_readme_and_there(command: str) -> None:
    assert command in readme.commands()
    text = (readme.ROOT / RUN_ELSEWHERE[command]).read_text(encoding="utf-8")
    assert all(part in text for part in command.split("/"))


@pytest.mark.timeout(1800)
def test_the_commands_lead_from_a_clone_to_the_rows_of_the_first_dag(newcomer: Newcomer, port: str) -> None:
    typed = [command for command in readme.commands() if command not in RUN_ELSEWHERE]
    assert typed.count(SERVER) == 1
    first, then = typed[: typed.index(SERVER)], typed[typed.index(SERVER) + 1 :]
    path, program = readme.first_dag()
    (newcomer.clone / path).parent.mkdir(parents=True)
    (newcomer.clone / path).write_text(program)

    with newcomer.running([*first, SERVER.replace(PORT, port)], ready="ready in"):
        printed = newcomer.type([command.replace(PORT, port) for command in then])
        with psycopg.connect(f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres") as connection:
            rows = connection.execute(readme.TOTALS).fetchall()

    assert [(customer, int(total)) for customer, total in rows] == [(1, 15), (2, 7)]
    assert "(2 rows)" in printed
    assert not (newcomer.home / "airflow").exists(), "the Airflow that a user may have there is left alone"
