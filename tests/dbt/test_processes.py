"""Several processes, open transactions, kills: what is there before stays, or what is asked for comes."""

from __future__ import annotations

import os
import signal
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


def test_a_lock_that_does_not_come_names_the_session_that_holds_it(totals):
    before = totals.stream_table("order_totals")
    with totals.holding("insert into orders (customer_id, amount) values (1, 1000)") as writer:
        pid = writer.info.backend_pid
        args = ["--args", "{model_name: order_totals}", "--vars", "{pgstream_lock_timeout: 1}"]
        result = totals.dbt("run-operation", "pgstream_refresh", *args)
    assert not result.success
    assert (
        "stream table public.order_totals was not refreshed: the lock on public.orders did not come in time"
        in result.text
    )
    assert f"it is held by pid {pid} (postgres, no application name, idle in transaction" in result.text
    assert "insert into orders" in result.text
    assert "pgstream_lock_timeout" in result.text
    assert totals.stream_table("order_totals") == before


def test_new_writers_do_not_queue_behind_a_refresh_that_waits(totals):
    with totals.holding("insert into orders (customer_id, amount) values (1, 1000)"):
        process = totals.command("run-operation", "pgstream_refresh", "--args", "{model_name: order_totals}")
        await_(lambda: blocked(totals, "to be refreshed"), "the attempt to lock")
        totals.sql("set statement_timeout = '5s'; insert into orders (customer_id, amount) values (2, 1)")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert totals.sql("select sum(total) from order_totals") == [(5051,)]


def test_a_role_that_may_not_lock_the_source_learns_which_grant_is_missing(totals):
    totals.sql("drop role if exists dbt_reader")
    totals.sql("create role dbt_reader login password 'reader'")
    try:
        totals.sql("grant usage on schema pgstream to dbt_reader")
        totals.sql("grant select on all tables in schema pgstream to dbt_reader")
        totals.env.update(PGUSER="dbt_reader", PGPASSWORD="reader")
        result = totals.operation("pgstream_refresh", "{model_name: order_totals}")
        assert "role dbt_reader may not lock its source public.orders" in result.text
        assert "grant maintain on public.orders to dbt_reader" in result.text
    finally:
        totals.sql("drop owned by dbt_reader")
        totals.sql("drop role dbt_reader")


def test_dbt_killed_between_drop_and_create_leaves_the_old_table(totals):
    before = totals.stream_table("order_totals")
    rows = totals.sql("select count(*) from order_totals")
    # The new query reads a table that is locked: dbt has dropped the old one when it comes to wait.
    totals.sql("create table locked (customer_id int)")
    totals.model("order_totals", "select customer_id from public.locked")
    with totals.holding("lock table locked in access exclusive mode"):
        process = totals.command("run", "--full-refresh", "--vars", "{pgstream_lock_timeout: 60}")
        await_(lambda: blocked(totals, "to be recreated"), "the creation")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        end_sessions(totals, "to be recreated")
    assert totals.stream_table("order_totals") == before
    assert totals.sql("select count(*) from order_totals") == rows


def test_a_post_hook_that_fails_leaves_the_old_table(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", QUERY, post_hook="select 1 / 0")
    result = totals.run()
    assert not result.success
    assert "division by zero" in result.messages["order_totals"]
    assert totals.stream_table("order_totals") == before
    assert totals.stream_table("order_totals__next")["is_populated"]
    totals.model("order_totals", QUERY)
    assert totals.run().success
    assert totals.stream_table("order_totals__next") is None
    assert totals.kind("order_totals__next") is None
    assert totals.sql("select sum(total) from order_totals") == [(5050,)]


def test_four_processes_at_once_create_one_table_once(project):
    project.model("t", QUERY)
    project.dbt("parse")
    processes = [project.command("run", "--target-path", f"target{i}") for i in range(4)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, "\n".join(outputs)
    assert project.sql("select count(*) from pgstream.pgs_stream_tables") == [(1,)]
    assert project.sql("select sum(total) from t") == [(5050,)]
    assert sum("created: it is new" in output for output in outputs) == 1
    assert sum("[skip" in output or "skip" in output for output in outputs) >= 3


def test_fifty_stream_tables_on_one_source_are_created_by_eight_threads(project):
    for number in range(50):
        project.model(
            f"t{number}", f"select customer_id, sum(amount) + {number} as total {FROM} group by customer_id"
        )
    result = project.run("--threads", "8")
    assert result.success, result.messages
    assert project.sql("select count(*) from pgstream.pgs_stream_tables where is_populated") == [(50,)]
    assert project.sql("select sum(total) from t49") == [(5050 + 5 * 49,)]


@pytest.mark.full
def test_two_processes_with_full_refresh_end_with_one_right_table(totals):
    processes = [totals.command("run", "--full-refresh", "--target-path", f"target{i}") for i in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    assert totals.sql("select sum(total) from order_totals") == [(5050,)]
