"""Refreshing and waiting inside dbt."""

from __future__ import annotations

import pytest

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"


def total(project, name="t"):
    return project.sql(f"select sum(total) from {name}")[0][0]


def test_refresh_always_takes_up_what_came_since(project):
    project.model("t", QUERY, refresh="always")
    project.run()
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert project.run().messages["t"] == "refreshed"
    assert total(project) == 6050


def test_refresh_unpopulated_fills_an_empty_table_and_lets_a_full_one_be(project):
    project.model("t", QUERY, initialize=False)
    project.run()
    project.model("t", QUERY, initialize=False, refresh="unpopulated")
    assert project.run().messages["t"] == "refreshed"
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert project.run().messages["t"] == "skip"
    assert total(project) == 5050


def test_an_alter_and_a_refresh_are_one_step(project):
    project.model("t", QUERY, refresh="always")
    project.run()
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    project.model("t", QUERY, refresh="always", schedule="5m")
    assert project.run().messages["t"] == "altered and refreshed: schedule from null to 5m"
    assert total(project) == 6050


def test_refresh_always_keeps_several_differential_tables_on_one_source_right(project):
    project.model("a", f"select customer_id, count(*) as n {FROM} group by customer_id", refresh="always")
    project.model("b", QUERY, refresh="always")
    project.model("c", f"select id, amount {FROM} where amount > 50", refresh="always")
    project.run("--threads", "1")
    for step in range(2):
        project.sql(
            "insert into orders (customer_id, amount) select 1, 100 + i from generate_series(1, 5) as i"
        )
        project.sql("update orders set amount = amount + 1 where id %% 4 = %s", step)
        project.sql("delete from orders where id %% 17 = %s", step)
        assert set(project.run("--threads", "1").messages.values()) == {"refreshed"}
        for name in ("a", "b", "c"):
            assert project.operation("pgstream_verify", f"{{model_name: {name}}}").success


def test_every_model_has_a_session_of_its_own(project):
    hook = "insert into public.sessions select pg_backend_pid()"
    project.sql("create table sessions (pid int)")
    for name in ("a", "b", "c"):
        project.model(name, QUERY, post_hook=hook)
    assert project.run("--threads", "1").success
    assert project.sql("select count(distinct pid) from sessions") == [(3,)]


def test_a_table_whose_source_changed_its_columns_is_recomputed(project):
    project.model("t", QUERY, refresh="always")
    project.run()
    project.alter_source("alter table orders add column note text")
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    assert project.run().success
    assert total(project) == 6050


def test_wait_for_populated_populates_where_nothing_else_would(project):
    project.model("t", QUERY, initialize=False)
    project.run()
    assert not project.stream_table("t")["is_populated"]
    project.model("t", QUERY, initialize=False, wait_for_populated=True)
    project.model("downstream", "select sum(total) as total from {{ ref('t') }}", materialized="table")
    assert project.run().success
    assert total(project, "downstream") == 5050


def test_wait_for_populated_at_creation_gives_downstream_its_rows(project):
    project.model("t", QUERY, initialize=False)
    project.model("downstream", "select sum(total) as total from {{ ref('t') }}", materialized="table")
    assert project.run("--vars", "{pgstream_wait_for_populated: 30}").success
    assert total(project, "downstream") == 5050


@pytest.mark.parametrize("config", [{"refresh": "always"}, {"wait_for_populated": 5}])
def test_a_paused_table_that_should_have_rows_is_an_error(project, config):
    project.model("t", QUERY, initialize=False)
    project.run()
    project.sql("select pgstream.alter_stream_table('public.t', status => 'SUSPENDED')")
    project.model("t", QUERY, initialize=False, **config)
    result = project.run()
    assert "stream table public.t is SUSPENDED (paused) and cannot be refreshed" in result.messages["t"]
    assert "pgstream_resume" in result.messages["t"]


def test_a_table_that_its_own_model_pauses_is_not_refreshed(project):
    project.model("t", QUERY, status="PAUSED", refresh="always")
    project.run()
    assert project.run().messages["t"] == "skip"
    assert project.stream_table("t")["status"] == "SUSPENDED"


@pytest.mark.pg_stream_only("its scheduler populates nothing")
def test_dbt_waits_for_the_scheduler_where_it_serves(served_project):
    project = served_project
    project.model("t", QUERY, initialize=False, schedule="1h")
    assert project.run().success
    project.model("t", QUERY, initialize=False, schedule="1h", status="ACTIVE", wait_for_populated=60)
    result = project.run()
    assert result.messages["t"] == "altered: status from INITIALIZING to ACTIVE"  # and not refreshed by dbt
    assert total(project) == 5050


@pytest.mark.pg_trickle_only("pg_stream's scheduler populates what is ACTIVE")
@pytest.mark.parametrize("paused", [False, True])
def test_one_that_is_made_active_is_populated_by_dbt(served_project, paused):
    project = served_project
    project.model("t", QUERY, initialize=False, schedule="1h", status="PAUSED" if paused else None)
    assert project.run().success
    assert total(project) is None
    project.model("t", QUERY, initialize=False, schedule="1h", status="ACTIVE")
    assert project.run().success
    assert total(project) == 5050
    assert project.stream_table("t")["status"] == "ACTIVE"


@pytest.mark.pg_trickle_only("pg_stream's scheduler populates what is ACTIVE")
def test_resume_populates_what_was_paused_before_it_was_populated(served_project):
    project = served_project
    project.model("t", QUERY, initialize=False, schedule="1h", status="PAUSED")
    assert project.run().success
    assert "public.t: populated (FULL" in project.operation("pgstream_resume", "{model_name: t}").text
    assert total(project) == 5050


@pytest.mark.pg_trickle_only("pg_stream's scheduler populates what is ACTIVE")
def test_a_wait_fails_at_once_where_the_scheduler_populates_nothing(served_project):
    project = served_project
    project.model("t", QUERY, initialize=False, schedule="1h")
    assert project.run().success
    result = project.operation("pgstream_wait_for_populated", "{model_name: t}")
    assert not result.success
    assert "the scheduler of pg_trickle populates none: nothing will populate it" in result.text


@pytest.mark.pg_stream_only("its scheduler populates nothing")
def test_a_wait_that_times_out_says_so(served_project):
    project = served_project
    project.model("t", QUERY, initialize=False, schedule="1h")
    assert project.run().success
    # The scheduler cannot read the source: it comes to wait, too.
    with project.holding("lock table orders in access exclusive mode"):
        project.sql("select pgstream.alter_stream_table('public.t', status => 'ACTIVE')")
        result = project.operation("pgstream_wait_for_populated", "{model_name: t, timeout_seconds: 0.3}")
    assert not result.success
    assert "stream table public.t is not populated after 0.3 seconds" in result.text
