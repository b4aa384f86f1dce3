"""A refresh of dbt keeps writers out for a moment, and not for as long as it lasts."""

from __future__ import annotations

from threading import Thread

import pytest

from tests.fixtures.engine import IS_FIRST

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"
WAITS = """
select exists (select from pg_locks l join pg_database d on d.oid = l.database
                where l.locktype = 'advisory' and not l.granted and d.datname = current_database())
"""


class Held:
    """A refresh that waits inside the stream table's query, until the block ends."""

    def __init__(self, project, *command):
        self.project = project
        self.thread = Thread(target=self._run, args=command)

    def _run(self, *command):
        self.result = self.project.dbt(*command)

    def __enter__(self):
        self.holder = self.project.connect()
        self.holder.execute("select pg_advisory_lock(23)")
        self.thread.start()
        while not self.project.sql(WAITS)[0][0]:
            assert self.thread.is_alive(), f"it ended, and did not wait: {self.result.text}"
        return self

    def __exit__(self, *error):
        self.holder.close()
        self.thread.join(120)


@pytest.fixture
def slow(project):
    """A project whose stream table's query waits while somebody holds advisory lock 23."""
    project.sql(
        "create function public.waits(amount numeric) returns numeric immutable language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock_shared(23); return amount; end $$"
    )
    project.model("t", f"select id, public.waits(amount) as amount {FROM}", refresh="always")
    return project


def insert(project):
    """Fails where writers are kept out."""
    project.sql("set lock_timeout = '5s'; insert into orders (customer_id, amount) values (1, 1000)")


def rows_are_right(project):
    return project.sql(
        "select count(*) from ((select id, amount from orders except all select id, amount from t)"
        " union all (select id, amount from t except all select id, amount from orders)) d"
    ) == [(0,)]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["run"], id="creation"),
        pytest.param(["run", "--full-refresh"], id="replacement"),
        pytest.param(["run"], id="materialization"),
        pytest.param(
            ["run-operation", "pgstream_refresh", "--args", "{model_name: t}"], id="pgstream_refresh"
        ),
        pytest.param(["run-operation", "pgstream_repair", "--args", "{model_name: t}"], id="pgstream_repair"),
        pytest.param(["run-operation", "pgstream_refresh_all"], id="pgstream_refresh_all"),
    ],
)
def test_writers_go_on_while_it_lasts(slow, command, request):
    if not request.node.callspec.id.startswith("creation"):
        assert slow.run().success
        insert(slow)
    with Held(slow, *command) as held:
        insert(slow)
    assert held.result.success, held.result.text
    assert "writers waited" in held.result.text
    assert slow.operation("pgstream_refresh", "{model_name: t}").success
    assert rows_are_right(slow)


def test_readers_keep_the_old_rows_while_the_successor_is_populated(slow):
    assert slow.run().success
    insert(slow)
    with Held(slow, "run", "--full-refresh") as held:
        assert slow.sql("select count(*) from t") == [(100,)]
    assert held.result.success, held.result.text
    assert slow.sql("select count(*) from t") == [(101,)]
    assert slow.kind("t__next") is None


@pytest.mark.parametrize("flags", [[], ["--full-refresh"]], ids=["creation", "replacement"])
def test_a_population_that_fails_leaves_nothing_half_made(project, flags):
    project.model("t", QUERY)
    if flags:
        assert project.run().success
    before = project.stream_table("t")
    project.sql("insert into orders (customer_id, amount) values (1, 0)")
    project.model("t", f"select id, 1 / amount as share {FROM}")
    result = project.run(*flags)
    assert "division by zero" in result.messages["t"]
    assert "public.t could not be" in result.messages["t"]
    assert project.stream_table("t") == before
    assert project.sql("select pgs_name from pgstream.pgs_stream_tables where pgs_name <> 't'") == []
    assert project.kind("t__next") is None
    assert project.sql("select count(*) from pg_trigger where tgname ~ 'cdc'") == [
        ((2 if IS_FIRST else 4) if flags else 0,)
    ]


def test_the_next_run_populates_what_a_killed_one_has_created(project):
    project.model("t", QUERY, initialize=False)
    assert project.run().success  # as a run leaves it that is killed before the population
    project.model("t", QUERY)
    assert project.run().messages["t"] == "refreshed"
    assert project.sql("select sum(total) from t") == [(5050,)]
    assert project.run().messages["t"] == "skip"


def test_a_session_that_refreshes_several_tables_deletes_no_changes_that_others_have_not_read(project):
    for name in ("a", "b", "c"):
        project.model(name, f"select id, amount, '{name}' as name {FROM}")
    assert project.run().success
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    result = project.operation("pgstream_refresh_all")
    assert result.text.count("refreshed (DIFFERENTIAL") == 3, result.text
    project.sql("insert into orders (customer_id, amount) values (1, 2000)")
    assert project.operation("pgstream_refresh_all").success
    for name in ("a", "b", "c"):
        assert project.sql(f"select count(*), sum(amount) from {name}") == [(102, 8050)]


@pytest.mark.pg_stream_only("its own refresh needs the right to update the catalog")
def test_a_role_that_may_not_store_the_position_keeps_writers_out_throughout_and_says_so(slow, is_emulator):
    assert slow.run().success
    insert(slow)
    slow.sql("drop role if exists dbt_plain")
    slow.sql("create role dbt_plain login password 'plain'")
    try:
        slow.sql(
            "grant usage on schema pgstream to dbt_plain; grant usage, create on schema public to dbt_plain"
        )
        slow.sql(
            "grant select on all tables in schema pgstream to dbt_plain; grant all on orders to dbt_plain"
        )
        slow.env.update(PGUSER="dbt_plain", PGPASSWORD="plain")
        result = slow.operation("pgstream_refresh", "{model_name: t}")
        assert (
            "may not update pgstream.pgs_stream_tables, so writers of its sources are kept out" in result.text
        )
    finally:
        slow.sql("drop owned by dbt_plain")
        slow.sql("drop role dbt_plain")
