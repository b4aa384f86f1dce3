"""Every object of schema ``pgstream`` has the same signature, columns and types on both engines."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import psycopg
import pytest

DIFFERS = "its functions, tables and settings are others"

_spec = importlib.util.spec_from_file_location("objects", Path(__file__).parent / "objects.py")
assert _spec is not None
assert _spec.loader is not None
objects = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(objects)

SIGNATURE = """
    select replace(replace(replace(
               pg_get_function_arguments(p.oid), '::text', ''), 'DEFAULT', 'default'), 'NULL', 'null'),
           pg_get_function_result(p.oid), p.proisstrict, p.provolatile::text
    from pg_proc p where p.pronamespace = 'pgstream'::regnamespace and p.proname = %s
"""
COLUMNS = """
    select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                     case when a.attnotnull then 'not null' end,
                     'default ' || pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = ('pgstream.' || %s)::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
SETTINGS = {
    "enabled": "on",
    "max_consecutive_errors": "3",
    "max_concurrent_refreshes": "4",
    "cdc_mode": "trigger",
    "block_source_ddl": "off",
}


@pytest.mark.parametrize("name", objects.FUNCTIONS)
@pytest.mark.pg_stream_only(DIFFERS)
def test_function_has_its_signature(engine: Any, name: str) -> None:
    assert engine.rows(SIGNATURE, name) == [objects.FUNCTIONS[name]]


@pytest.mark.parametrize("name", objects.RELATIONS)
@pytest.mark.pg_stream_only(DIFFERS)
def test_relation_has_its_columns(engine: Any, name: str) -> None:
    assert [row[0] for row in engine.rows(COLUMNS, name)] == objects.RELATIONS[name].strip().split(
        "\n        "
    )


@pytest.mark.pg_stream_only(DIFFERS)
def test_schema_holds_no_other_function(engine: Any) -> None:
    found = engine.rows(
        "select proname from pg_proc where pronamespace = 'pgstream'::regnamespace "
        "and prorettype <> 'event_trigger'::regtype"
    )
    assert {name for (name,) in found} == set(objects.FUNCTIONS)


@pytest.mark.pg_stream_only(DIFFERS)
def test_schema_holds_no_other_relation(engine: Any) -> None:
    found = engine.rows(
        "select relname from pg_class where relnamespace = 'pgstream'::regnamespace and relkind in ('r', 'v')"
    )
    assert {name for (name,) in found} == set(objects.RELATIONS)


def test_relations_and_functions_belong_to_the_extension(engine: Any) -> None:
    for catalog, name in (("pg_proc", "pgs_status"), ("pg_class", "pgs_stream_tables")):
        members = engine.rows(
            "select from pg_depend d join pg_extension e on e.oid = d.refobjid "
            "where d.refclassid = 'pg_extension'::regclass "
            "and e.extname = 'pg_stream' and d.deptype = 'e' and d.classid = %s::regclass "
            f"and d.objid = 'pgstream.{name}'::reg{'proc' if catalog == 'pg_proc' else 'class'}::oid",
            catalog,
        )
        assert len(members) == 1, name


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.pg_stream_only(DIFFERS)
def test_setting_has_its_default(engine: Any, name: str) -> None:
    assert engine.one(f"show pg_stream.{name}") == SETTINGS[name]


@pytest.mark.pg_stream_only(DIFFERS)
def test_event_triggers_watch_ddl(engine: Any) -> None:
    found = engine.rows(
        "select evtname, evtevent, evtenabled::text, evtfoid::regproc::text from pg_event_trigger order by 1"
    )
    assert found == [
        ("pg_stream_ddl_tracker", "ddl_command_end", "O", "pgstream._on_ddl_end"),
        ("pg_stream_drop_tracker", "sql_drop", "O", "pgstream._on_sql_drop"),
    ]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("pgs_stream_tables", "status", "PAUSED"),
        ("pgs_stream_tables", "refresh_mode", "AUTO"),
        ("pgs_dependencies", "source_type", "INDEX"),
        ("pgs_dependencies", "cdc_mode", "LOGICAL"),
    ],
)
def test_catalog_refuses_an_unknown_word(engine: Any, table: str, column: str, value: str) -> None:
    engine.create("public.t", "select id from public.source")
    with pytest.raises(psycopg.errors.CheckViolation):
        engine.run(f"update pgstream.{table} set {column} = '{value}'")


@pytest.mark.pg_stream_only(DIFFERS)
def test_extension_says_which_it_is(engine: Any) -> None:
    version = engine.one("select extversion from pg_extension where extname = 'pg_stream'")
    assert version == ("0.1.1" if engine.server is None else "0.1.1-emulator")


@pytest.mark.pg_stream_only(DIFFERS)
def test_arguments_can_be_given_by_position_and_by_name(engine: Any) -> None:
    engine.run(
        "select pgstream.create_stream_table("
        "'public.a', 'select id from public.source', '2h', 'FULL', false)",
        "select pgstream.create_stream_table(query => 'select id from public.source', name => 'public.b', "
        "initialize => false, refresh_mode => 'FULL', schedule => '2h')",
        "select pgstream.create_stream_table('public.c', 'select id from public.source')",
    )
    found = engine.rows(
        "select pgs_name, schedule, refresh_mode, is_populated from pgstream.pgs_stream_tables order by 1"
    )
    assert found == [
        ("a", "2h", "FULL", False),
        ("b", "2h", "FULL", False),
        ("c", "1m", "DIFFERENTIAL", True),
    ]
