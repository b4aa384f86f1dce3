"""
What decides whether the rows stay right: one table of cases for every way there is to refresh.

A case is a function of a :class:`Scene`. It ends with right rows, or with an error of the provider that says
what to do; never with rows that are wrong and nobody who knows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.exceptions import (
    CaptureBroken,
    InsufficientPrivilege,
    RefreshInProgress,
    SourceLocked,
    StreamTableFailed,
    StreamTableSuspended,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.contract.gate import Gate
from tests.contract.killing import killed_after_each_step
from tests.contract.scene import LARGE, OF_DBT, Scene
from tests.fixtures.engine import IS_FIRST

BY_CHANGES = frozenset({"hook", "operator", "deferred"}) | OF_DBT
REFRESHES = BY_CHANGES | {"repair"}
ALL = REFRESHES | {"creation"}


@dataclass(frozen=True)
class Case:
    """
    One hazard.

    :param happens: plays it.
    :param ways: the ways for which it is one.
    """

    happens: Callable[[Scene], None]
    ways: frozenset[str] = ALL

    @property
    def name(self) -> str:
        return self.happens.__name__


def overlapping_refreshes(scene: Scene) -> None:
    scene.create()

    def refresh(_: int) -> None:
        with suppress(RefreshInProgress):
            scene.refresh(on_busy="fail")

    with ThreadPoolExecutor(4) as threads:
        for _ in range(scene.rounds):
            scene.insert()
            list(threads.map(refresh, range(4)))
    scene.refresh()
    scene.assert_right()


def _asynchronous(scene: Scene, writer: psycopg.Connection[Any]) -> None:
    scene.create()
    for _ in range(scene.rounds):
        scene.insert(session=writer)
        scene.refresh()
        scene.insert(session=writer)
    scene.refresh()
    scene.assert_right()


def asynchronous_by_role(scene: Scene) -> None:
    scene.engine.run("alter role postgres set synchronous_commit = off")
    _asynchronous(scene, scene.engine.connect())


def asynchronous_by_database(scene: Scene) -> None:
    scene.engine.run("alter database postgres set synchronous_commit = off")
    _asynchronous(scene, scene.engine.connect())


def asynchronous_writer(scene: Scene) -> None:
    writer = scene.engine.connect()
    writer.execute("set synchronous_commit = off")
    _asynchronous(scene, writer)


def writer_that_writes_at_any_moment(scene: Scene) -> None:
    """A change that comes between the boundary and what the engine takes for its position."""
    scene.create()
    scene.create("public.u", LARGE)
    for asynchronous in ("on", "off"):
        writer = scene.engine.connect()
        writer.execute(f"set synchronous_commit = {asynchronous}")
        with scene.again_and_again(lambda session=writer: scene.insert(session=session)):
            for _ in range(scene.rounds):
                scene.refresh("public.t", "public.u", on_busy="wait")
    scene.refresh("public.t", "public.u")
    scene.assert_right()


def open_writer(scene: Scene) -> None:
    scene.create()
    writer = scene.engine.connect()
    writer.execute("begin")
    scene.insert(session=writer)
    scene.insert()
    with pytest.raises(SourceLocked, match=r"events.*pid \d+ .*raise .*lock_timeout"):
        scene.refresh(lock_timeout=0.3)
    with scene.beside(lambda: scene.refresh(lock_timeout=60)) as refresh:
        scene.await_waiting(lambda: not refresh.done())
        writer.execute("commit")
    scene.refresh()
    scene.assert_right()


def writer_with_pauses(scene: Scene) -> None:
    """A transaction that is open over several refreshes that fail, and over one that waits for it."""
    scene.create()
    for number in range(3):
        writer = scene.engine.connect()
        writer.execute("begin")
        scene.insert(number, writer)
        for _ in range(2):
            with pytest.raises(SourceLocked):
                scene.refresh(lock_timeout=0.05)
            scene.insert(number + 50)
        writer.execute("commit")
        scene.refresh()
    scene.assert_right()


def table_beside_a_stream_table(scene: Scene) -> None:
    scene.engine.run(
        "create table names (g int primary key, name text)",
        "insert into names select i, 'n' || i from generate_series(0, 19) i",
    )
    scene.create()
    query = "select n.g, n.name, t.total from public.names n left join public.t t on t.g = n.g"
    scene.create("public.mixed", query)
    for number in range(3):
        scene.insert(number)
        scene.engine.run(f"update names set name = 'x{number}' where g = 3")
        scene.refresh("public.t", by="hook")
        scene.refresh("public.mixed")
        scene.assert_right()


def source_swapped_by_rename(scene: Scene) -> None:
    scene.create()
    scene.engine.run(
        "create table events_new (like events including all)",
        "insert into events_new (g, v) select i % 10, i from generate_series(1, 30) i",
        "alter table events rename to events_old",
        "alter table events_new rename to events",
    )
    with pytest.raises(StreamTableFailed, match=r"reads public\.events now.*recreate it"):
        scene.refresh()
    scene.refresh(by="creation")
    scene.assert_right()


def source_dropped_and_made_again(scene: Scene) -> None:
    scene.create()
    scene.engine.run(
        "alter table events rename to gone",
        "create table events (like gone including all)",
        "insert into events (g, v) select i % 10, i from generate_series(1, 30) i",
        "drop table gone cascade",
    )
    with pytest.raises(StreamTableFailed, match=r"dropped or recreated.*create it again"):
        scene.refresh()


def view_that_reads_another_table_now(scene: Scene) -> None:
    scene.engine.run(
        "create table other (id int, g int not null, v int not null)",
        "create view inner_view as select id, g, v from events",
        "create view outer_view as select id, g, v from inner_view",
    )
    scene.create(query="select id, v from public.outer_view where v > 50")
    scene.engine.run(
        "insert into other values (1, 1, 99)",
        "create or replace view inner_view as select id, g, v from other",
    )
    with pytest.raises(StreamTableFailed, match="recreate it"):
        scene.refresh()


def _another_condition(scene: Scene, refresh_mode: str) -> None:
    scene.engine.run(
        "create view inner_view as select id, g, v from events",
        "create view outer_view as select id, g, v from inner_view",
    )
    scene.create(query="select id, v from public.outer_view where v > 50", refresh_mode=refresh_mode)
    scene.engine.run("create or replace view inner_view as select id, g, v from events where true")
    scene.insert()
    scene.refresh()
    scene.assert_right()
    scene.engine.run("create or replace view inner_view as select id, g, v from events where g = 3")
    with pytest.raises(StreamTableFailed, match=r"reads public\.inner_view as it was.*recreate it"):
        scene.refresh()
    scene.refresh(by="creation")
    scene.assert_right()


def view_on_a_view_with_another_condition_now(scene: Scene) -> None:
    _another_condition(scene, "DIFFERENTIAL")


def view_on_a_view_with_another_condition_now_in_full_mode(scene: Scene) -> None:
    _another_condition(scene, "FULL")


def paused_meanwhile(scene: Scene) -> None:
    scene.create()
    writer = scene.engine.connect()
    writer.execute("begin")
    scene.insert(session=writer)

    def refresh() -> None:
        with pytest.raises(StreamTableSuspended):
            scene.refresh(lock_timeout=60)

    with scene.beside(refresh) as refreshing:
        scene.await_waiting(lambda: not refreshing.done())
        scene.engine.run("select pgstream.alter_stream_table('public.t', status => 'SUSPENDED')")
        writer.execute("commit")
    assert scene.engine.catalog("public.t")["status"] == "SUSPENDED"
    scene.refresh(on_suspended="resume")
    scene.assert_right()


def marked_for_reinitialisation(scene: Scene) -> None:
    if not IS_FIRST:
        pytest.skip("not on pg_trickle: a new column marks nothing, and its refresh heeds a mark by itself")
    scene.create("public.t", LARGE)
    scene.engine.run(
        "alter table events add column later int default 1",
        "alter table events disable trigger all",
        "update events set v = v + 1 where id % 3 = 0",
        "alter table events enable trigger all",
    )
    assert scene.engine.catalog("public.t")["needs_reinit"]
    scene.refresh()
    scene.assert_right()
    assert not scene.engine.catalog("public.t")["needs_reinit"]


def values_changed_by_alter_column_type(scene: Scene) -> None:
    scene.create("public.t", LARGE)
    scene.engine.let_sources_be_altered()
    for change in ("type int using v + 1", "type bigint using v * 2"):
        scene.engine.run(f"alter table events alter column v {change}")
        scene.insert(session=scene.engine.connect())  # one that has no plans of the column as it was
        scene.refresh()
        scene.assert_right()


def child_tables(scene: Scene) -> None:
    scene.create()
    scene.engine.run("create table child () inherits (events)")
    for number in range(2):
        scene.engine.run(f"insert into child (id, g, v) values ({1000 + number}, 3, 7)")
        scene.refresh()
        scene.assert_right()


def row_security(scene: Scene) -> None:
    scene.create()
    scene.engine.run(
        "create role plain",
        "grant usage on schema pgstream, pgstream_changes to plain",
        "grant select, insert, update, delete on all tables in schema pgstream, pgstream_changes to plain",
        "grant all on events to plain",
        "alter table t owner to plain",
        "alter table events enable row level security",
        "create policy threes on events using (g = 3)",
    )
    scene.insert()
    with pytest.raises(InsufficientPrivilege, match=r"row-level security hides rows of public\.events"):
        scene.refresh(hook_params={"options": "-c role=plain"})
    scene.refresh()
    scene.assert_right()


def capture_trigger_disabled(scene: Scene) -> None:
    scene.create()
    scene.engine.run("alter table events disable trigger user")
    scene.insert()
    with pytest.raises(
        CaptureBroken, match=r"changes of public\.events are not captured.*(full=True|pgstream_repair)"
    ):
        scene.refresh()
    scene.engine.run("alter table events enable trigger user")
    scene.refresh(full=True)
    scene.assert_right()


def capture_trigger_disabled_and_repaired(scene: Scene) -> None:
    scene.create()
    scene.engine.run("alter table events disable trigger user")
    scene.insert()
    scene.refresh()
    scene.assert_right()


def source_truncated_and_loaded_again(scene: Scene) -> None:
    scene.create()
    scene.create("public.u", LARGE)
    for number in range(3):
        scene.engine.run(
            "truncate events",
            f"insert into events (g, v) select i % 10, i % 70 + {number} from generate_series(1, 200) i",
        )
        scene.refresh("public.t", "public.u")
        scene.insert()
        scene.refresh("public.u", "public.t")
        scene.assert_right()


def frontier_of_another_server(scene: Scene) -> None:
    scene.create()
    oid = scene.engine.one("select 'events'::regclass::oid")
    scene.engine.run(
        "update pgstream.pgs_stream_tables set frontier ="
        f""" jsonb_set(frontier, '{{sources,{oid},lsn}}', '"FFFFFF/0"')"""
    )
    scene.insert()
    scene.refresh()
    scene.assert_right()
    scene.insert()
    scene.refresh()
    scene.assert_right()


def stream_table_on_a_stream_table(scene: Scene) -> None:
    """Its source's full refresh is a TRUNCATE, which an older snapshot sees as empty."""
    scene.create()
    query = "select g, total from public.t where total >= 0"
    scene.create("public.u", query)
    rows = scene.count("public.u")
    assert rows
    with scene.again_and_again(lambda: scene.refresh("public.t", by="repair", on_busy="wait")):
        for _ in range(scene.rounds):
            scene.refresh("public.u", on_busy="wait")
            assert scene.count("public.u") == rows
    scene.assert_right()


def full_mode_table_on_a_stream_table(scene: Scene) -> None:
    scene.create()
    scene.create("public.u", "select max(total) as most from public.t", refresh_mode="FULL")
    with scene.again_and_again(lambda: scene.refresh("public.t", by="repair", on_busy="wait")):
        for _ in range(scene.rounds):
            scene.refresh("public.u", on_busy="wait")
            assert scene.engine.one("select most is not null from u")
    scene.assert_right()


GATED = "select public.gate(id) as id, g, v from public.events where v > 50"


def population_beside_another_refresh(scene: Scene) -> None:
    """A table without a frontier is no reader of the buffer for the clean-up that comes with others."""
    scene.create()
    gate = Gate(scene)
    scene.create("public.u", GATED, refreshed=False)
    gate.close()
    with scene.beside(lambda: scene.refresh("public.u")) as population:
        gate.await_somebody(population)
        for _ in range(3):
            scene.insert()
            scene.refresh("public.t", by="hook")
            PgStreamHook(postgres_conn_id=scene.conn_id).trim()
        gate.open()
    scene.refresh("public.u", by="hook")
    scene.assert_right()


def altered_while_it_is_refreshed(scene: Scene) -> None:
    """An attempt that cannot be committed leaves a clean-up behind, of what the neighbour has yet to read."""
    scene.create("public.u", LARGE)
    gate = Gate(scene)
    scene.create("public.t", GATED)
    gate.close()
    scene.insert()
    with scene.beside(lambda: scene.refresh("public.t")) as refresh:
        gate.await_somebody(refresh)
        # Not by the engine's own call, which wakes its scheduler.
        scene.engine.run("update pgstream.pgs_stream_tables set consecutive_errors = 0 where pgs_name = 't'")
        gate.open()
    scene.refresh("public.u", by="hook")
    scene.assert_right()


def population_that_ended_half_way(scene: Scene) -> None:
    """The frontier that keeps the changes is committed before the population, and nobody may trust it."""
    scene.create(refreshed=False)
    killed_after_each_step(scene, "public.t")
    scene.refresh()
    scene.assert_right()


def refresher_killed_after_each_step(scene: Scene) -> None:
    scene.create()
    killed_after_each_step(scene, "public.t")
    scene.refresh()
    scene.assert_right()


def several_tables_in_one_call(scene: Scene) -> None:
    """A session that refreshes twice deletes what the other table has not read."""
    scene.create()
    scene.create("public.u", LARGE)
    scene.create("public.w", "select id, g, v from public.events where v >= 0")
    for number in range(scene.rounds):
        scene.insert(number)
        scene.engine.run(f"update events set v = v + 1 where id = {number + 1}")
        names = ["public.t", "public.u", "public.w"]
        scene.refresh(*names[number % 3 :], *names[: number % 3])
    scene.assert_right()


def reader_of_the_stream_table(scene: Scene) -> None:
    """A full refresh that waits for a reader keeps no writer of the source out."""
    scene.create()
    reader = scene.engine.connect()
    reader.execute("begin")
    reader.execute("select count(*) from t")
    writer = scene.engine.connect()
    writer.execute("set lock_timeout = '500ms'")

    def refresh() -> None:
        with pytest.raises(SourceLocked, match=r"lock on public\.t did not come in time.*readers or writers"):
            scene.refresh(full=True, lock_timeout=6)

    with scene.beside(refresh) as refreshing:
        while not refreshing.done():
            scene.insert(session=writer)
    reader.execute("commit")
    scene.refresh(full=True)
    scene.assert_right()


CASES = (
    Case(overlapping_refreshes, REFRESHES),
    Case(asynchronous_by_role, REFRESHES),
    Case(asynchronous_by_database, REFRESHES),
    Case(asynchronous_writer, REFRESHES),
    Case(writer_that_writes_at_any_moment, REFRESHES),
    Case(open_writer, REFRESHES),
    Case(writer_with_pauses, REFRESHES),
    Case(table_beside_a_stream_table),
    Case(source_swapped_by_rename, REFRESHES),
    Case(source_dropped_and_made_again, REFRESHES - {"materialization"}),  # which recreates the stream table
    Case(view_that_reads_another_table_now, REFRESHES),
    Case(view_on_a_view_with_another_condition_now, REFRESHES),
    Case(view_on_a_view_with_another_condition_now_in_full_mode, REFRESHES),
    Case(paused_meanwhile, REFRESHES),
    Case(marked_for_reinitialisation, REFRESHES),
    Case(values_changed_by_alter_column_type),
    Case(child_tables),
    Case(row_security, REFRESHES),
    Case(capture_trigger_disabled, BY_CHANGES),
    Case(capture_trigger_disabled_and_repaired, frozenset({"repair"})),
    Case(source_truncated_and_loaded_again),
    Case(frontier_of_another_server),
    Case(stream_table_on_a_stream_table, REFRESHES),
    Case(full_mode_table_on_a_stream_table, REFRESHES),
    Case(population_beside_another_refresh, ALL),
    Case(altered_while_it_is_refreshed, BY_CHANGES),
    Case(population_that_ended_half_way, ALL),
    Case(refresher_killed_after_each_step, ALL),
    Case(several_tables_in_one_call),
    Case(reader_of_the_stream_table, REFRESHES),
)
