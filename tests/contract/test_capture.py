"""Change capture as a client sees it: triggers, buffers, health."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "it captures by statement triggers, named after a hash of the source"

QUERY = "select id, v from public.source"
TRIGGERS = (
    "select tgname, tgenabled::text, tgtype from pg_trigger where tgrelid = 'source'::regclass order by 1"
)


def _oid(engine: Any) -> int:
    return int(engine.one("select 'source'::regclass::oid"))


@pytest.mark.pg_stream_only(DIFFERS)
def test_triggers_bear_the_sources_number(engine: Any) -> None:
    engine.create("public.t", QUERY)
    row, truncate = engine.rows(TRIGGERS)
    assert row == (f"pg_stream_cdc_{_oid(engine)}", "O", 29)  # after insert, update, delete, for each row
    assert truncate == (f"pg_stream_cdc_truncate_{_oid(engine)}", "O", 32)


@pytest.mark.pg_stream_only(DIFFERS)
def test_source_is_captured_once_for_all_its_readers(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.create("public.u", QUERY, refresh_mode="FULL")
    assert len(engine.rows(TRIGGERS)) == 2
    assert len(engine.rows("select from pgstream.check_cdc_health()")) == 1


@pytest.mark.pg_stream_only(DIFFERS)
def test_buffer_bears_the_sources_number_and_has_positions(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.run("insert into source values (5, 'x', 5)")
    buffer = f"pgstream_changes.changes_{_oid(engine)}"
    assert engine.one(f"select action, pg_typeof(lsn)::text from {buffer}") == ("I", "pg_lsn")


@pytest.mark.parametrize(
    ("statement", "action"),
    [
        ("insert into source values (5, 'x', 5)", "I"),
        ("update source set v = 0 where id = 1", "U"),
        ("delete from source where id = 1", "D"),
        ("truncate source", "T"),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_each_kind_of_change_is_captured(engine: Any, statement: str, action: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(statement)
    assert engine.rows(f"select action from pgstream_changes.changes_{_oid(engine)}") == [(action,)]


@pytest.mark.parametrize(
    "statement",
    [
        "update source set v = 0 where false",
        "delete from source where id = 99",
        "insert into source select * from source where false",
        "insert into source values (1) on conflict do nothing",
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_statement_that_changes_no_row_is_not_captured(engine: Any, statement: str) -> None:
    engine.create("public.t", QUERY)
    engine.run(statement)
    assert engine.rows(f"select action from pgstream_changes.changes_{_oid(engine)}") == []


@pytest.mark.pg_stream_only(DIFFERS)
def test_positions_up_to_the_frontier_can_be_deleted(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run("insert into source values (5, 'x', 5)")
    engine.refresh("public.t")
    oid = _oid(engine)
    lowest = engine.catalog("public.t")["frontier"]["sources"][str(oid)]["lsn"]
    engine.run(
        f"delete from pgstream_changes.changes_{oid} where lsn <= '{lowest}'",
        "insert into source values (6, 'y', 6)",
    )
    engine.refresh("public.t")
    assert engine.difference("public.t", QUERY) == {}


@pytest.mark.pg_stream_only(DIFFERS)
def test_disabled_trigger_captures_nothing_and_is_not_reported(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.refresh("public.t")
    engine.run(
        f"alter table source disable trigger pg_stream_cdc_{_oid(engine)}",
        "insert into source values (5, 'x', 5)",
    )
    assert engine.refresh("public.t") == ["Stream table public.t refreshed (DIFFERENTIAL: +0 -0)"]
    assert engine.one("select count(*) from t") == 4
    assert engine.rows("select cdc_mode, alert from pgstream.check_cdc_health()") == [("TRIGGER", None)]
    assert engine.rows(TRIGGERS)[0][1] == "D"


@pytest.mark.pg_stream_only(DIFFERS)
def test_stream_table_has_no_trigger_of_its_own(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.create("public.above", "select count(id) as n from public.t")
    assert engine.rows("select from pg_trigger where tgrelid = 't'::regclass") == []


@pytest.mark.pg_stream_only(DIFFERS)
def test_tracking_names_the_readers(engine: Any) -> None:
    engine.create("public.t", QUERY)
    engine.create("public.u", QUERY)
    ids = [engine.catalog(name)["pgs_id"] for name in ("public.t", "public.u")]
    assert engine.rows("select slot_name, tracked_by_pgs_ids from pgstream.pgs_change_tracking") == [
        (f"pg_stream_cdc_{_oid(engine)}", ids)
    ]


def test_health_has_a_row_for_each_source(engine: Any) -> None:
    engine.run("create schema other", "create table other.far (id int primary key)")
    engine.create("public.t", "select s.id from public.source s join other.far f on f.id = s.id")
    engine.create("public.u", "select id from public.t", refresh_mode="FULL")
    assert engine.rows(
        "select source_table, cdc_mode, slot_name, lag_bytes, confirmed_lsn, alert "
        "from pgstream.check_cdc_health() order by 1"
    ) == [
        ("other.far", "TRIGGER", None, None, None, None),
        ("source", "TRIGGER", None, None, None, None),
    ]


@pytest.mark.pg_stream_only(DIFFERS)
def test_slot_health_shows_triggers_as_slots(engine: Any) -> None:
    engine.create("public.t", QUERY)
    assert engine.rows("select slot_name, source_relid, active, wal_status from pgstream.slot_health()") == [
        (f"pg_stream_cdc_{_oid(engine)}", _oid(engine), True, "trigger")
    ]
