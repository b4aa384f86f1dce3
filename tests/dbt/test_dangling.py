"""Nothing is left behind unseen: readers of what was recreated, orphans, the tables of another target."""

from __future__ import annotations

import pytest
import yaml

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"
READER = "select customer_id, total from {{ ref('a') }} where total > 100"


def remove(project, *names):
    for name in names:
        (project.path / "models" / f"{name}.sql").unlink()


def test_what_reads_a_recreated_table_is_made_anew_or_warned_of_and_marked(project):
    project.model("a", QUERY)
    project.model("b", READER)
    project.model("v", "select total from {{ ref('a') }}", materialized="view")
    assert project.run().success

    refused = project.dbt("--warn-error", "run", "--full-refresh", "--select", "a")
    assert not refused.success
    assert set(project.run().messages.values()) == {"skip", "CREATE VIEW"}  # nothing had been touched

    result = project.run("--full-refresh", "--select", "a")
    assert result.success, result.text
    assert (
        "public.a goes, and stream table public.b reads it: that keeps the rows of now, in status ERROR"
        in result.text
    )
    assert "public.a takes view public.v along: dbt run --select a+ makes it anew" in result.text
    assert project.stream_table("b")["status"] == "ERROR"
    for operation in ("pgstream_check_cdc_health", "pgstream_check_freshness"):
        for args in ("{}", "{model_name: b}"):
            checked = project.operation(operation, args)
            assert not checked.success
            assert "public.b: ERROR status is ERROR: a source is gone" in checked.text
    project.sql("update pgstream.pgs_stream_tables set status = 'ACTIVE'")  # as an engine may leave it
    for operation in ("pgstream_check_cdc_health", "pgstream_check_freshness"):
        assert "public.b: ERROR it reads what is gone or was recreated" in project.operation(operation).text

    assert project.run().messages["b"] == "swapped: a source of it is gone or was recreated"
    result = project.run("--full-refresh")
    assert result.success
    assert "makes it anew" not in result.text
    assert "stream table public.b reads it: this run makes that anew" in result.text
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert project.operation("pgstream_refresh_all").success
    assert project.sql("select sum(total) from b") == [(6050,)]


@pytest.fixture
def two_targets(project):
    profiles = yaml.safe_load((project.path / "profiles.yml").read_text())
    outputs = profiles["pgstream_test"]["outputs"]
    outputs["dev"] = {**outputs["test"], "schema": "dev"}
    project.write("profiles.yml", yaml.safe_dump(profiles))
    return project


def test_a_developers_target_does_not_take_the_place_of_productions_table(two_targets):
    project = two_targets
    project.model("t", QUERY, stream_table_schema="live")
    assert project.run().success
    before = project.stream_table("t", "live")

    made = (
        "stream table live.t was made by target test (schema public) of project shop, and this is target dev"
    )
    for more in ([], ["--full-refresh"]):
        assert f"model t: {made}" in project.run("--target", "dev", *more).messages["t"]
    dropped = project.dbt("run-operation", "drop_all_stream_tables", "--target", "dev")
    assert f"nothing was dropped: {made}" in dropped.text
    assert project.stream_table("t", "live") == before
    assert project.run().messages["t"] == "skip"

    told = project.run("--target", "dev", "--vars", "{pgstream_take_over: true}")
    assert told.messages["t"] == "skip"
    assert "was made by target dev (schema dev)" in project.run().messages["t"]


def test_orphans_are_listed_and_dropped_only_if_this_target_made_them(two_targets):
    project = two_targets
    project.model("a", QUERY)
    project.model("b", READER)
    project.model("c", QUERY)
    assert project.run().success
    assert project.run("--target", "dev").success
    project.sql(
        "select pgstream.create_stream_table('public.by_hand', 'select id, amount from public.orders')"
    )
    assert "there are no orphans of project shop, target test" in project.operation("pgstream_orphans").text

    remove(project, "a", "b")
    project.model("renamed", QUERY)
    result = project.operation("pgstream_orphans")
    lines = [line for line in result.text.splitlines() if ": orphan, made for " in line]
    assert lines == ["public.b: orphan, made for model.shop.b", "public.a: orphan, made for model.shop.a"]

    project.sql("select pgstream.create_stream_table('public.theirs', 'select customer_id from public.a')")
    refused = project.operation("pgstream_orphans", "{drop: true}")
    assert "nothing was dropped: stream table public.theirs, which is not of this project" in refused.text
    project.sql("select pgstream.drop_stream_table('public.theirs')")

    assert project.operation("pgstream_orphans", "{drop: true}").success
    left = project.sql("select pgs_schema || '.' || pgs_name from pgstream.pgs_stream_tables order by 1")
    assert [name for (name,) in left] == ["dev.a", "dev.b", "dev.c", "public.by_hand", "public.c"]


def test_one_of_before_there_were_marks_gets_one(project):
    project.model("t", QUERY)
    project.run()
    project.sql("comment on type t is null")
    assert "no orphans" in project.operation("pgstream_orphans").text
    assert project.run().messages["t"] == "skip"
    remove(project, "t")
    assert "public.t: orphan, made for model.shop.t" in project.operation("pgstream_orphans").text
