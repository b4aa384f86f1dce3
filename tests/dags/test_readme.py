"""The README's first DAG, as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.airflow3
def test_first_dag_of_the_readme_runs(
    pgstream_dsn: str, run_dag: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_POSTGRES_DEFAULT", pgstream_dsn.replace("postgresql://", "postgres://", 1)
    )
    (table,) = re.findall(r"-c '(create table .*)'", README)
    program = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102
    with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
        connection.execute(table)
        connection.execute("insert into public.orders values (1, 1, 10), (2, 1, 5), (3, 2, 7)")
        run = run_dag(names["create"].dag)
        assert run.state == "success"
        rows = connection.execute("select customer_id, total from public.order_totals order by 1").fetchall()
    assert [(customer, int(total)) for customer, total in rows] == [(1, 15), (2, 7)]
