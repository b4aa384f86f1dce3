"""What later versions of pg_trickle offer is used where a model asks for it: on the emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt.conftest import ORDERS, TOTALS, Project

pytest_plugins = ["tests.fixtures.newer"]


@pytest.fixture
def newer(project_directory: Path, newer_dsn: str) -> Project:
    """An empty project, whose database has what 0.108 has."""
    project = Project(project_directory, newer_dsn).start_afresh()
    with project.connect() as session:
        session.execute(ORDERS)
    return project


def test_an_external_model_is_populated_refreshed_and_verified_by_its_graph(newer):
    newer.model("t", TOTALS, orchestration_mode="EXTERNAL")
    result = newer.run()
    assert result.success, result.text
    assert newer.sql("select sum(total) from t") == newer.sql("select sum(amount) from orders")
    newer.sql("insert into orders (customer_id, amount) values (1, 1000)")
    refreshed = newer.operation("pgstream_refresh", "{model_name: t}")
    assert refreshed.success, refreshed.text
    assert newer.sql("select sum(total) from t") == newer.sql("select sum(amount) from orders")
    newer.sql("insert into orders (customer_id, amount) values (2, 7)")
    verified = newer.operation("pgstream_verify", "{model_name: t}")
    assert verified.success, verified.text
    history = "select distinct initiated_by from pgtrickle.pgt_refresh_history"
    assert newer.sql(history) == [("EXTERNAL_GRAPH",)]
    assert newer.run().messages["t"] == "skip"
