"""The README's first DAG on the oldest Airflow, by Airflow's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.readme import TOTALS, first_dag

# What the README says of Airflow 2.11 below the DAG.
DIFFERENCES = [
    ("from airflow.sdk import DAG", "from datetime import datetime\n\nfrom airflow import DAG"),
    ('schedule="@hourly"', 'schedule="@hourly", start_date=datetime(2026, 1, 1), catchup=False'),
]


def test_the_first_dag_of_the_readme_fills_its_stream_table(pgstream_dsn: str, tmp_path: Path) -> None:
    path, program = first_dag()
    dags = tmp_path / "dags"
    dags.mkdir()
    for newest, oldest in DIFFERENCES:
        assert program.count(newest) == 1
        program = program.replace(newest, oldest)
    (dags / Path(path).name).write_text(program)
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    own["AIRFLOW_HOME"] = str(tmp_path)
    own["AIRFLOW__CORE__LOAD_EXAMPLES"] = "false"
    own["AIRFLOW_CONN_POSTGRES_DEFAULT"] = pgstream_dsn.replace("postgresql://", "postgres://", 1)
    with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
        connection.execute("create table public.orders (id int primary key, customer_id int, amount int)")
        connection.execute("insert into public.orders values (1, 1, 10), (2, 1, 5), (3, 2, 7)")
        for command in (["db", "migrate"], ["dags", "reserialize"], ["dags", "test", "order_totals"]):
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *command], env=own, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
        rows = connection.execute(TOTALS).fetchall()
    assert [(customer, int(total)) for customer, total in rows] == [(1, 15), (2, 7)]
