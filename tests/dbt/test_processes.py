"""Several processes, open transactions, kills: what is there before stays, or what is asked for comes."""

from __future__ import annotations

import time

import pytest

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"


def await_(condition, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


def blocked(project, text):
    """Whether a session waits whose query contains that text."""
    return project.sql(
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() and wait_event_type = 'Lock' and query like %s",
        f"%{text}%",
    ) != [(0,)]


def end_sessions(project, text):
    """The server notices a client that was killed when it has something to say; here at once."""
    pids = project.sql(
        "select pid from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() and query like %s",
        f"%{text}%",
    )
    for (pid,) in pids:
        project.sql("select pg_terminate_backend(%s, 10000)", pid)


def test_a_row_of_a_transaction_open_during_creation_is_not_lost(project):
    project.model("first", QUERY)
    assert project.run().success  # the change triggers are there: nothing but our lock waits from here on
    project.model("second", f"select customer_id, count(*) as n {FROM} group by customer_id")
    with project.holding("insert into orders (customer_id, amount) values (1, 1000)") as writer:
        process = project.command("run", "--select", "second")
        await_(lambda: blocked(project, "to be created"), "the attempt to lock")
        writer.commit()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert project.sql("select sum(n) from second") == [(101,)]
    project.sql("insert into orders (customer_id, amount) values (1, 1)")
    project.operation("pgstream_refresh", "{model_name: second}")
    assert project.sql("select sum(n) from second") == [(102,)]


def test_creation_waits_for_another_creation_of_whatever_table(project):
    project.model("t", QUERY)
    with project.holding("select pg_advisory_xact_lock(1885827956, 1)") as other:
        process = project.command("run")
        await_(lambda: blocked(project, "pg_advisory_xact_lock"), "the wait for the other creation")
        assert project.stream_table("t") is None
        other.commit()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert project.stream_table("t")["is_populated"]


@pytest.mark.parametrize("how", ["operation", "model"])
def test_a_row_of_a_transaction_open_during_a_refresh_is_not_lost(project, how):
    project.model("t", QUERY, refresh="always")
    project.run()
    command = (
        ["run-operation", "pgstream_refresh", "--args", "{model_name: t}"] if how == "operation" else ["run"]
    )
    with project.holding("insert into orders (customer_id, amount) values (1, 1000)") as writer:
        process = project.command(*command)
        await_(lambda: blocked(project, "to be refreshed"), "the attempt to lock")
        writer.commit()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert project.sql("select sum(total) from t") == [(6050,)]


def test_a_lock_that_does_not_come_names_who_reads_a_source_or_creates_another(totals):
    soon = ["--vars", "{pgstream_lock_timeout: 0.5}"]
    with totals.holding("select count(*) as of_a_report from orders"):
        result = totals.dbt("run-operation", "drop_all_stream_tables", *soon)
        assert not result.success
        assert "could not be dropped: a lock on what it reads or on itself did not come" in result.text
        assert "select count(*) as of_a_report from orders" in result.text
    with totals.holding("select pg_advisory_xact_lock(1885827956, 1)"):
        began = time.monotonic()
        said = totals.run("--full-refresh", *soon).messages["order_totals"]
        assert "holds the creation of stream tables since" in said
        assert time.monotonic() - began < 30
    assert totals.run("--full-refresh").success
