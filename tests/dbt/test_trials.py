"""``--empty`` and ``--sample`` never touch a stream table."""

from __future__ import annotations

import importlib.metadata

import pytest

QUERY = "select customer_id, sum(amount) as total from {{ source('raw', 'orders') }} group by customer_id"
DBT = tuple(int(part) for part in importlib.metadata.version("dbt-core").split(".")[:2])
FLAGS = [
    pytest.param(["--empty"], marks=pytest.mark.skipif(DBT < (1, 8), reason="--empty came with dbt 1.8")),
    pytest.param(
        ["--sample", "1 day"], marks=pytest.mark.skipif(DBT < (1, 10), reason="--sample came with dbt 1.10")
    ),
]


@pytest.mark.parametrize("flags", FLAGS)
def test_an_existing_stream_table_is_left_alone(totals, flags):
    totals.model("order_totals", QUERY, schedule="9m")
    before = totals.stream_table("order_totals")
    for more in ([], ["--full-refresh"]):
        result = totals.run(*flags, *more)
        assert result.success
        assert "its stream table is left alone under --empty and --sample" in result.text
        assert totals.stream_table("order_totals") == before


@pytest.mark.parametrize("flags", FLAGS)
def test_its_indexes_are_left_alone_too(project, flags):
    indexes = "select indexrelid from pg_index where indrelid = 't'::regclass order by 1"
    project.model("t", QUERY, indexes=[{"columns": ["total"]}])
    project.run()
    before = project.sql(indexes)
    project.model("t", QUERY, indexes=[{"columns": ["customer_id"]}])
    assert project.run(*flags).success
    assert project.sql(indexes) == before
    assert project.run().success
    assert project.sql(indexes) != before


@pytest.mark.parametrize("flags", FLAGS)
def test_where_there_is_none_a_plain_table_stands_in_and_a_true_run_replaces_it(project, flags):
    project.model("order_totals", QUERY)
    assert project.run(*flags).success
    assert project.kind("order_totals") == "r"
    assert project.stream_table("order_totals") is None
    assert project.run(*flags).success
    assert project.run().messages["order_totals"] == "created: it replaces a table"
    assert project.sql("select sum(total) from order_totals") == [(5050,)]
