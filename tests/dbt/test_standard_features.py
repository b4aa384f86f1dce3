"""What dbt offers for every model works for a stream table."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.fixtures.engine import ENGINE

FROM = "from {{ source('raw', 'orders') }}"
QUERY = "select customer_id, sum(amount) as total from {{ source('raw', 'orders') }} group by customer_id"
INDEXES = """
select count(*) from pg_index
where indrelid = '{0}'::regclass and pg_get_indexdef(indexrelid) like '%(total)%'
"""


def test_indexes_are_created_and_come_back_with_a_recreation(project):
    project.model("t", QUERY, indexes=[{"columns": ["total"], "unique": False}])
    project.run()
    count = INDEXES.format("t")
    assert project.sql(count) == [(1,)]
    project.run("--full-refresh")
    assert project.sql(count) == [(1,)]


def test_an_index_that_is_added_later_is_created_without_a_recreation(totals):
    before = totals.stream_table("order_totals")
    totals.model(
        "order_totals",
        before["query"].replace(
            f'"{totals.env["PGDATABASE"]}"."public"."orders"', "{{ source('raw', 'orders') }}"
        ),
        indexes=[{"columns": ["total"]}],
    )
    assert totals.run().success
    assert totals.stream_table("order_totals")["oid"] == before["oid"]
    count = INDEXES.format("order_totals")
    assert totals.sql(count) == [(1,)]
    totals.run()
    assert totals.sql(count) == [(1,)]


def indexes(project):
    """Names of the indexes of ``t``, those that dbt made first."""
    rows = project.sql("select indexrelid::regclass::text from pg_index where indrelid = 't'::regclass")
    names = {name for (name,) in rows}
    of_dbt = {name for name in names if re.fullmatch('"?[0-9a-f]{32}"?', name)}
    return of_dbt, names - of_dbt


def test_an_index_that_left_the_configuration_is_dropped_and_one_made_by_hand_stays(project):
    both, one = [{"columns": ["total"]}, {"columns": ["CUSTOMER_ID"]}], [{"columns": ["CUSTOMER_ID"]}]
    project.model("t", QUERY, indexes=both)
    project.run()
    project.sql("create index by_hand on t (total)")
    oid = project.stream_table("t")["oid"]
    at_first, others = indexes(project)
    assert len(at_first) == 2
    assert "by_hand" in others

    project.model("t", QUERY, indexes=one, on_configuration_change="continue")
    assert project.run().success
    assert indexes(project) == (at_first, others)

    project.model("t", QUERY, indexes=one)
    assert project.run().messages["t"] == "skip"
    left, still = indexes(project)
    assert len(left) == 1
    assert left < at_first
    assert still == others

    project.model("t", QUERY)
    assert project.run().messages["t"] == "skip"
    assert indexes(project) == (set(), others)
    assert project.stream_table("t")["oid"] == oid


def test_grants_are_given_on_creation_and_on_a_run_that_changes_nothing(project):
    project.model("t", QUERY)
    project.run()
    project.model("t", QUERY, grants={"select": ["pg_monitor"]})
    assert project.run().messages["t"] == "skip"
    assert project.sql("select has_table_privilege('pg_monitor', 't', 'select')") == [(True,)]
    project.model("t", QUERY, grants={"select": []})
    assert project.run().success
    assert project.sql("select has_table_privilege('pg_monitor', 't', 'select')") == [(False,)]


def test_persist_docs(project):
    project.model("t", QUERY, persist_docs={"relation": True, "columns": True})
    project.write(
        "models/t.yml",
        "version: 2\nmodels:\n  - name: t\n    description: what they bought\n    columns:\n"
        f"      - {{name: {ENGINE.row_id}, description: Internal. Ignore this column.}}\n"
        "      - {name: total, description: in euro}\n",
    )
    assert project.run().success
    assert project.sql("select obj_description('t'::regclass, 'pg_class')") == [("what they bought",)]
    assert project.sql(
        "select count(*) from pg_description where objoid = 't'::regclass and objsubid > 0"
    ) == [(2,)]


def test_an_enforced_contract(project):
    project.model("t", QUERY, contract={"enforced": True})
    contract = (
        "version: 2\nmodels:\n  - name: t\n    columns:\n"
        "      - {name: customer_id, data_type: integer}\n      - {name: total, data_type: %s}\n"
    )
    project.write("models/t.yml", contract % "text")
    result = project.run()
    assert "contract" in result.messages["t"]
    assert project.kind("t") is None
    project.write("models/t.yml", contract % "numeric")
    assert project.run().success
    assert project.run().messages["t"] == "skip"


def test_hooks_of_both_kinds_run_and_one_that_fails_after_the_population_leaves_it_right(project):
    project.sql("create table trace (what text)")

    def hook(what, transaction):
        return {"sql": f"insert into public.trace values ('{what}')", "transaction": transaction}

    project.model(
        "t",
        QUERY,
        pre_hook=[hook("before begin", False), hook("pre", True)],
        post_hook=[
            hook("post", True),
            hook("after commit", False),
            {"sql": "select 1 / 0", "transaction": True},
        ],
    )
    assert not project.run().success
    # The population has transactions of its own, which end what the hooks before it began.
    assert project.sql("select what from trace") == [("before begin",), ("pre",)]
    assert project.sql("select sum(total) from t") == [(5050,)]
    project.model(
        "t",
        QUERY,
        pre_hook=[hook("before begin", False), hook("pre", True)],
        post_hook=[hook("post", True), hook("after commit", False)],
    )
    assert project.run().success
    assert sorted(project.sql("select what from trace")) == sorted(
        [("before begin",), ("pre",)] * 2 + [("post",), ("after commit",)]
    )


def test_a_query_comment_is_not_part_of_the_query(project):
    project.write(
        "dbt_project.yml",
        (project.path / "dbt_project.yml").read_text()
        + "query-comment: {comment: 'by {{ target.name }}', append: true}\n",
    )
    project.model("t", QUERY)
    assert project.run().success
    assert "by test" not in project.stream_table("t")["query"]
    assert project.run().messages["t"] == "skip"


def test_data_tests_ls_build_docs_and_show(project):
    project.model("t", QUERY)
    project.model("downstream", "select sum(total) as total from {{ ref('t') }}", materialized="table")
    project.write(
        "models/t.yml",
        "version: 2\nmodels:\n  - name: t\n    columns:\n"
        "      - name: customer_id\n        tests: [not_null, unique]\n",
    )
    built = project.dbt("build")
    assert built.success, built.text
    assert set(built.statuses.values()) == {"success", "pass"}
    listed = project.dbt(
        "ls", "--resource-type", "model", "--select", "config.materialized:stream_table", "--output", "name"
    )
    assert listed.names == ["t"]
    project.write_artifacts()
    assert project.dbt("docs", "generate").success
    catalog = json.loads((project.path / "target/catalog.json").read_text())
    assert "total" in catalog["nodes"]["model.shop.t"]["columns"]
    assert project.dbt("show", "--select", "t").success


def test_a_snapshot_of_a_stream_table(project):
    project.model("t", QUERY)
    project.write(
        "snapshots/t_history.sql",
        "{% snapshot t_history %}{{ config(target_schema='public', strategy='check', "
        "unique_key='customer_id', check_cols=['total']) }}"
        "select {{ pgstream.star(ref('t')) }} from {{ ref('t') }}{% endsnapshot %}",
    )
    assert project.dbt("build").success
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    project.operation("pgstream_refresh", "{model_name: t}")
    assert project.dbt("snapshot").success
    assert project.sql("select count(*) from t_history where customer_id = 1") == [(2,)]
    assert project.sql("select count(*) from t_history where dbt_valid_to is null") == [(5,)]


def test_retry_runs_what_failed(project):
    project.write_artifacts()
    project.model("good", QUERY)
    project.model("bad", "select customer_id, missing " + FROM)
    assert not project.run().success
    project.model("bad", QUERY)
    result = project.dbt("retry")
    assert result.success
    assert list(result.messages) == ["bad"]


def test_defer_reads_the_stream_table_of_the_other_state(totals, tmp_path):
    totals.write_artifacts()
    assert totals.dbt("parse").success
    shutil.copy(totals.path / "target/manifest.json", tmp_path / "manifest.json")
    totals.sql("create schema dev")
    totals.write(
        "profiles.yml", (totals.path / "profiles.yml").read_text().replace("schema: public", "schema: dev")
    )
    totals.model(
        "downstream", "select sum(total) as total from {{ ref('order_totals') }}", materialized="table"
    )
    assert totals.run("--select", "downstream", "--defer", "--state", str(tmp_path)).success
    assert totals.sql("select total from dev.downstream") == [(5050,)]


def test_a_unit_test_of_a_stream_table(project):
    dbt = pytest.importorskip("dbt.version").get_installed_version()
    if (int(dbt.major), int(dbt.minor)) < (1, 8):
        pytest.skip("unit tests came with dbt 1.8")
    project.model("t", QUERY)
    project.write(
        "models/t.yml",
        "version: 2\nunit_tests:\n  - name: adds_up\n    model: t\n    given:\n"
        "      - input: source('raw', 'orders')\n"
        "        rows: [{customer_id: 1, amount: 2}, {customer_id: 1, amount: 3}]\n"
        "    expect:\n      rows: [{customer_id: 1, total: 5}]\n",
    )
    result = project.dbt("build")
    assert result.success, result.text
    assert project.sql("select sum(total) from t") == [(5050,)]


def test_an_upstream_table_that_dbt_rebuilds_takes_its_stream_table_along(project):
    project.model("clean", "select customer_id, amount " + FROM, materialized="table")
    project.model(
        "t", "select customer_id, sum(amount) as total from {{ ref('clean') }} group by customer_id"
    )
    project.run()
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    result = project.run()
    assert result.success
    assert result.messages["t"].startswith("recreated: ")
    assert project.sql("select sum(total) from t") == [(6050,)]


def test_a_seed_that_is_refreshed_in_full_takes_its_stream_table_along(project):
    project.write("seeds/raw.csv", "g,v\n1,10\n2,20\n")
    project.model("t", "select g, sum(v) as total from {{ ref('raw') }} group by g")
    assert project.dbt("build").success
    project.write("seeds/raw.csv", "g,v\n1,11\n2,22\n3,33\n")
    assert project.dbt("seed", "--full-refresh").success
    assert project.run().success
    assert project.sql("select sum(total) from t") == [(66,)]
