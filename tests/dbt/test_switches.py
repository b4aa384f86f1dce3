"""Other materializations become a stream table and back, dependents and all."""

from __future__ import annotations

import importlib.metadata

import pytest

DBT = tuple(int(part) for part in importlib.metadata.version("dbt-core").split(".")[:2])
QUERY = "select customer_id, sum(amount) as total from {{ source('raw', 'orders') }} group by customer_id"
KINDS = {"view": "v", "table": "r", "materialized_view": "m", "incremental": "r"}
FLAGS = [
    pytest.param([], id="plain"),
    pytest.param(["--full-refresh"], id="full_refresh", marks=pytest.mark.full),
]


def add_dependents(project):
    project.model("a_view", "select total from {{ ref('t') }} where total > 1000", materialized="view")
    project.model("a_table", "select total from {{ ref('t') }} where total > 1000", materialized="table")
    project.model("a_stream", "select customer_id, total from {{ ref('t') }} where total > 1000")


def check_dependents(project):
    wanted = project.sql("select count(*) from t where total > 1000")
    for name in ("a_view", "a_table", "a_stream"):
        assert project.sql(f"select count(*) from {name}") == wanted


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_becomes_a_stream_table(project, kind, flags):
    project.model("t", QUERY, materialized=kind)
    add_dependents(project)
    if kind in ("materialized_view", "view"):  # the engine refuses the one and cannot inline the other
        (project.path / "models/a_stream.sql").unlink()
    first = project.run()
    assert first.success, first.messages
    project.model("t", QUERY)
    add_dependents(project)

    result = project.run(*flags)

    assert result.success, result.messages
    assert project.stream_table("t")["is_populated"]
    check_dependents(project)


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_table_becomes_something_else(project, kind, flags):
    project.model("t", QUERY)
    project.model("a_view", "select total from {{ ref('t') }} where total > 1000", materialized="view")
    project.model("a_table", "select total from {{ ref('t') }} where total > 1000", materialized="table")
    assert project.run().success
    project.model("t", QUERY, materialized=kind)

    result = project.run(*flags)
    if kind == "materialized_view" and DBT < (1, 7):
        # dbt's own: 1.6 replaces no table, an ordinary one neither, by a materialized view.
        assert project.stream_table("t") is not None
        return
    if kind == "incremental" and not flags:
        # dbt's own: it takes the stream table for its table and finds columns that are not its own.
        assert project.stream_table("t") is not None
        return
    if not result.success and kind == "materialized_view":
        result = project.run(*flags)  # dbt's relation cache is stale after its own drop: not ours

    assert result.success, result.messages
    assert project.kind("t") == KINDS[kind]
    assert project.stream_table("t") is None
    assert project.sql("select count(*) from a_view") == project.sql(
        "select count(*) from t where total > 1000"
    )
