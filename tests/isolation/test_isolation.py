"""
Every order of events: a refresh in steps, and everything else that can happen, between any two of them.

PostgreSQL's own isolation tester runs the specs. After each order every transaction has ended, each stream
table is refreshed once more, and has to equal its query.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from airflow_provider_pgstream._engines.connections import Target, target
from airflow_provider_pgstream._engines.detect import Installation, detect
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.hooks._session import Session
from tests.fixtures.engine import ENGINE, IS_FIRST, connect, dressed
from tests.isolation.protocol import record, session
from tests.isolation.spec import ANSWERS, Spec, errors, how_many, orders, run, steps_of

HERE = Path(__file__).parent
SPECS = sorted((HERE / "specs").glob("*.spec"))
EMPTY = (
    "select format('drop table if exists %I.%I cascade', pgs_schema, pgs_name)"
    " from pgstream.pgs_stream_tables",
    "select 'drop schema if exists iso cascade'",
)
TESTERS = "select count(*) from pg_stat_activity where application_name ~ '^isolation/'"
FEW = 5
"""Orders of each spec that are run, from the first to the last, unless all are asked for."""
OF_SCHEMA = (
    "select pgs_schema || '.' || pgs_name from pgstream.pgs_stream_tables where pgs_schema = 'iso' order by 1"
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "spec" in metafunc.fixturenames:
        metafunc.parametrize("spec", [Spec.read(path) for path in SPECS], ids=[path.stem for path in SPECS])


LEFT_ALONE = [
    f"select {ENGINE.schema}.alter_stream_table('iso.' || {ENGINE.prefix}_name, {setting} => '{value}')"
    f" from {ENGINE.catalog} where {ENGINE.prefix}_schema = 'iso'"
    for setting, value in ENGINE.unattended_settings.items()
]


def unscheduled(setup: str) -> str:
    """Return a spec's setup in which `null` is what the engine under test has for no schedule."""
    if ENGINE.driven is None:
        return setup
    mode = f"'{ENGINE.driven}', 'DIFFERENTIAL'"
    return re.sub(r", null(?=[,)])", f", {mode}", setup)


class Bench:
    """A database in which one order after the other is run."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.main = connect(dsn, autocommit=True)
        values = self.main.info
        self.target: Target = target(
            "isolation",
            host=values.host,
            port=values.port,
            login=values.user,
            password=values.password or None,
            database=values.dbname,
        )
        self.installation: Installation = self.drive(detect(self.target.place))
        if not IS_FIRST:
            ddl = f"{ENGINE.extension}.block_source_ddl"
            self.main.execute(f"alter database {values.dbname} set {ddl} = off")

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row, prepare_threshold=None)

    def drive(self, program: Any) -> Any:
        return Session(self.connect, logging.getLogger(__name__)).drive(program)

    def names(self) -> list[str]:
        return [name for (name,) in self.main.execute(OF_SCHEMA).fetchall()]

    def prepare(self, spec: Spec) -> str:
        """Make everything anew as the spec says, and return the spec with the refreshes written out."""
        for query in EMPTY:
            for (statement,) in self.main.execute(query).fetchall():
                self.main.execute(statement)
        self.main.execute((HERE / "harness.sql").read_text())
        self.main.execute(unscheduled(spec.setup))
        for query in LEFT_ALONE:
            self.main.execute(query)
        self.refresh([name for name in self.names() if name not in spec.unpopulated])
        lines: list[str] = []
        for refresh in spec.refreshes:
            options = RefreshOptions(full=refresh.full)
            statements = record(self.dsn, self.installation, refresh.table, options)
            lines += session(refresh.name, statements, refresh.parts)
        return "\n".join([*lines, dressed(unscheduled(spec.others))])

    def refresh(self, names: list[str]) -> dict[str, str]:
        """Refresh some stream tables; return the errors of those that failed."""
        if not names:
            return {}
        plan = RefreshPlan(names, on_suspended="resume")
        report = self.drive(plan.program(self.target.place))
        return {name: str(error) for name, error in report.errors.items()}

    def await_end(self) -> None:
        """Wait until the tester's sessions have ended, with the locks that they held."""
        while self.main.execute(TESTERS).fetchone() != (0,):
            pass

    def wrong(self, names: list[str]) -> dict[str, int]:
        found = {}
        for name in names:
            (found[name],) = self.main.execute("select iso.wrong_rows(%s)", [name]).fetchone() or (None,)
        return {name: count for name, count in found.items() if count}


@pytest.fixture
def bench(pgstream_dsn: str) -> Iterator[Bench]:
    bench = Bench(pgstream_dsn)
    yield bench
    bench.main.close()


def test_rows_are_right_in_every_order(bench: Bench, spec: Spec) -> None:
    text = bench.prepare(spec)
    sessions = steps_of(text)
    count = how_many(sessions)
    limit = count if os.environ.get("PGSTREAM_FULL") else int(os.environ.get("PGSTREAM_ORDERS", FEW))
    chosen = {round(number * (count - 1) / max(1, limit - 1)) for number in range(min(limit, count))}
    last_steps = [steps[-1] for steps in sessions[: len(spec.refreshes)]]
    refreshed = 0
    for number, order in enumerate(orders(sessions)):
        if number not in chosen:
            continue
        output = run(bench.dsn, bench.prepare(spec), order)
        met = errors(output)
        said = f"order {number} of {count}: {' '.join(order)}\n{output[:20000]}"
        known = (*ANSWERS, *spec.answers)
        assert not [error for error in met if not error.startswith(known)], said
        bench.await_end()
        names = bench.names()
        failed = bench.refresh(names)
        unknown = [error for error in failed.values() if not any(re.search(a, error) for a in spec.answers)]
        assert not unknown, f"{unknown}\n{said}"
        wrong = bench.wrong([name for name in names if name not in failed])
        assert not wrong, f"{wrong}\n{said}"
        refreshed += not met
    print(f"{len(chosen)} of {count} orders, {refreshed} of them without a step that failed")
    assert refreshed, f"in none of {len(chosen)} orders did every step succeed: {last_steps}"
