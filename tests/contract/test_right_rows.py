"""Where the extension loses rows or stops, the emulator does not: differences named in docs/emulator.md."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.engine import IS_FIRST

QUERY = "select id, v from public.source"


@pytest.mark.emulator_only("open transactions")
@pytest.mark.parametrize("mode", ["DIFFERENTIAL", "FULL"])
def test_row_of_a_transaction_open_during_a_refresh_is_not_lost(engine: Any, mode: str) -> None:
    engine.create("public.t", QUERY, "1s", mode)
    engine.refresh("public.t")
    writer = engine.connect()
    writer.execute("begin")
    writer.execute("insert into source values (5, 'x', 5)")
    engine.run("insert into source values (6, 'y', 6)")
    engine.refresh("public.t")
    assert engine.one("select count(*) from t") == 5
    writer.execute("commit")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_scheduler_takes_in_the_row_of_an_open_transaction_later(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    writer = engine.connect()
    writer.execute("begin")
    writer.execute("insert into source values (5, 'x', 5)")
    assert engine.server.run_scheduler(later=2) == {"public.t": "NO_DATA"}
    writer.execute("commit")
    assert engine.server.run_scheduler(later=2) == {"public.t": "DIFFERENTIAL"}
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_deleting_up_to_the_frontier_loses_no_open_transaction(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.refresh("public.t")
    writer = engine.connect()
    writer.execute("begin")
    writer.execute("insert into source values (5, 'x', 5)")
    engine.run("insert into source values (6, 'y', 6)")
    engine.refresh("public.t")
    writer.execute("commit")
    oid = engine.one("select 'source'::regclass::oid")
    lowest = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
    engine.run(f"delete from {engine.buffer(oid)} where lsn <= '{lowest}'")
    assert engine.server.run_scheduler(later=2) == {"public.t": "DIFFERENTIAL"}
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_change_committed_while_a_refresh_looks_for_changes_is_not_lost(engine: Any) -> None:
    engine.run("create table other (id int primary key)")
    query = "select s.id from public.source s left join public.other o on o.id = s.id"
    engine.create("public.t", query, "1s")
    engine.refresh("public.t")
    buffer = engine.buffer(engine.one("select 'other'::regclass::oid"))
    holder = engine.connect()
    holder.execute("begin")
    holder.execute(f"lock table {buffer} in access exclusive mode")
    with ThreadPoolExecutor(1) as threads:
        refresh = threads.submit(engine.refresh, "public.t")
        while not engine.one("select count(*) from pg_locks where not granted and relation is not null"):
            assert not refresh.done()
        engine.run("insert into source values (5, 'x', 5)")
        holder.execute("commit")
        refresh.result()
    engine.server.run_scheduler(later=2)
    assert engine.difference("public.t", query) == {}


@pytest.mark.emulator_only("open transactions")
def test_committed_repeatable_read_refresh_loses_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    session = engine.connect()
    session.execute("begin isolation level repeatable read")
    session.execute("select 1 from source")
    engine.run("insert into source values (5, 'x', 5)")
    session.execute("select pgstream.refresh_stream_table('public.t')")
    session.execute("commit")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("several tables on one source")
def test_tables_on_one_source_do_not_take_each_others_changes(engine: Any) -> None:
    queries = {
        "public.a": "select g, sum(v) as s from public.source group by g",
        "public.b": "select g, count(*) as n from public.source group by g",
        "public.c": "select id, v from public.source where v > 1",
        "public.d": "select max(v) as m from public.source",
    }
    for name, query in queries.items():
        engine.create(name, query, "1s", "FULL" if name == "public.d" else "DIFFERENTIAL")
    changes = [
        "insert into source values (5, 'b', 5)",
        "update source set v = 9 where id = 1",
        "delete from source where id = 2",
    ]
    for number, change in enumerate(changes):
        engine.run(change)
        for name in list(queries)[number:] + list(queries)[:number]:
            engine.main.execute("select pgstream.refresh_stream_table(%s)", [name])
    for name, query in queries.items():
        assert engine.difference(name, query) == {}, name


@pytest.mark.emulator_only("several tables on one source")
def test_change_stays_until_every_reader_has_seen_it(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.create("public.u", QUERY, "1s")
    for name in ("public.t", "public.u"):
        engine.refresh(name)
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.t")
    assert "Stream table public.u refreshed (DIFFERENTIAL: +1 -0)" in engine.refresh("public.u")
    buffer = engine.buffer(engine.one("select 'source'::regclass::oid"))
    assert engine.one(f"select count(*) from {buffer}") == 0


@pytest.mark.emulator_only("several tables on one source")
def test_change_is_kept_for_a_table_that_is_being_created(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.refresh("public.t")
    creating = engine.connect()
    creating.execute("begin")
    creating.execute(f"select pgstream.create_stream_table('public.u', '{QUERY}', '1s')")
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.t")
    creating.execute("commit")
    assert engine.server.run_scheduler(later=2)["public.u"] == "DIFFERENTIAL"
    assert engine.difference("public.u", QUERY) == {}


@pytest.mark.emulator_only("concurrent creation")
def test_tables_can_be_created_on_one_source_at_once(engine: Any) -> None:
    names = [f"public.t{number}" for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: engine.create(name, QUERY), names))
    assert engine.one("select count(*) from pgstream.pgs_stream_tables") == len(names)
    triggers = engine.one("select array_agg(tgname::text) from pg_trigger where tgrelid = 'source'::regclass")
    assert len(triggers) == len({*triggers}) == (2 if IS_FIRST else 4)


@pytest.mark.emulator_only("row counts")
def test_row_counts_are_true_in_one_session_too(engine: Any) -> None:
    engine.create("public.t", QUERY)
    said: list[str] = []
    session = engine.connect()
    session.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    for number in range(5, 8):
        session.execute(f"insert into source values ({number}, 'x', {number})")
        session.execute("select pgstream.refresh_stream_table('public.t')")
    assert said[-2:] == ["Stream table public.t refreshed (DIFFERENTIAL: +1 -0)"] * 2


@pytest.mark.emulator_only("open transactions")
def test_change_after_a_refresh_in_the_same_transaction_is_captured(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.run(
        "begin",
        "insert into source values (5, 'x', 5)",
        "select pgstream.refresh_stream_table('public.t')",
        "insert into source values (6, 'y', 6)",
        "commit",
    )
    assert engine.server.run_scheduler(later=2) == {"public.t": "DIFFERENTIAL"}
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("the counter column")
def test_counter_is_there_and_zero(engine: Any) -> None:
    engine.create("public.t", "select g, count(*) as n from public.source group by g")
    assert engine.rows("select distinct __pgs_count from t") == [(0,)]


@pytest.mark.emulator_only("open transactions")
def test_transaction_that_writes_on_after_its_refresh_loses_nothing_beside_another(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    writer = engine.connect()
    writer.execute("begin")
    writer.execute("insert into source values (5, 'x', 5)")
    engine.run("insert into source values (6, 'y', 6)")  # a later transaction that ends earlier
    writer.execute("select pgstream.refresh_stream_table('public.t')")
    writer.execute("insert into source values (7, 'z', 7)")
    writer.execute("commit")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_deleting_up_to_the_frontier_loses_no_transaction_that_began_last(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    writer = engine.connect()
    writer.execute("begin")
    writer.execute("insert into source values (5, 'x', 5)")
    engine.refresh("public.t")
    oid = engine.one("select 'source'::regclass::oid")
    lowest = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
    writer.execute("commit")
    engine.run(f"delete from {engine.buffer(oid)} where lsn <= '{lowest}'")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_deleting_up_to_the_frontier_of_a_transaction_that_goes_on_writing_loses_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.refresh("public.t")
    engine.run(
        "begin",
        "insert into source values (5, 'x', 5)",
        "select pgstream.refresh_stream_table('public.t')",
        "insert into source values (6, 'y', 6)",
        "commit",
    )
    oid = engine.one("select 'source'::regclass::oid")
    lowest = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
    engine.run(f"delete from {engine.buffer(oid)} where lsn <= '{lowest}'")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_change_after_a_recreation_in_the_same_transaction_is_captured(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run(
        "begin",
        "insert into source values (5, 'x', 5)",
        "select pgstream.drop_stream_table('public.t')",
        f"select pgstream.create_stream_table('public.t', '{QUERY}', '1s')",
        "insert into source values (6, 'y', 6)",
        "commit",
    )
    engine.server.run_scheduler(later=2)
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("several tables on one source")
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_population_is_not_robbed_by_a_table_that_is_refreshed_meanwhile(engine: Any, isolation: str) -> None:
    engine.create("public.u", QUERY)
    engine.create("public.t", QUERY, initialize=False)
    populating = engine.connect()
    populating.execute(f"begin isolation level {isolation}")
    populating.execute("select 1 from source")
    if isolation == "read committed":
        populating.execute("select pgstream.refresh_stream_table('public.t')")
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.u")
    if isolation == "repeatable read":
        populating.execute("select pgstream.refresh_stream_table('public.t')")
    populating.execute("commit")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_deleting_up_to_the_frontier_of_a_repeatable_read_refresh_loses_nothing(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    engine.refresh("public.t")
    session = engine.connect()
    session.execute("begin isolation level repeatable read")
    session.execute("select 1 from source")
    engine.run("insert into source values (5, 'x', 5)")
    session.execute("select pgstream.refresh_stream_table('public.t')")
    session.execute("commit")
    oid = engine.one("select 'source'::regclass::oid")
    lowest = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
    engine.run(f"delete from {engine.buffer(oid)} where lsn <= '{lowest}'")
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.emulator_only("open transactions")
def test_deleting_up_to_the_frontier_loses_no_asynchronous_commit(engine: Any) -> None:
    engine.create("public.t", QUERY, "1s")
    oid = engine.one("select 'source'::regclass::oid")
    lost = []
    with engine.connect() as writer:
        writer.execute("set synchronous_commit = off")
        for number in range(5, 45):
            writer.execute(f"insert into source values ({number}, 'x', 5)")
            writer.execute("select pgstream.refresh_stream_table('public.t')")
            writer.execute(f"insert into source values ({100 + number}, 'x', 5)")
            lowest = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
            writer.execute(f"delete from {engine.buffer(oid)} where lsn <= '{lowest}'")
            writer.execute("select pgstream.refresh_stream_table('public.t')")
            lost.append(engine.difference("public.t", QUERY))
    assert [found for found in lost if found] == []
