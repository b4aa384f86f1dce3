"""What the emulator has of pg_trickle's objects has the same signatures and columns as on pg_trickle.

With PGSTREAM_TEST_DSN the same is asked of the server that it names, if that one has pg_trickle; nothing is
written there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.emulator import PgStreamServer
from tests.emulator.pg_trickle_objects import FUNCTIONS, RELATIONS

REAL = os.environ.get("PGSTREAM_TEST_DSN")
SIGNATURE = """
    select replace(replace(replace(
               pg_get_function_arguments(p.oid), '::text', ''), 'DEFAULT', 'default'), 'NULL', 'null'),
           pg_get_function_result(p.oid), p.proisstrict
    from pg_proc p where p.pronamespace = 'pgtrickle'::regnamespace and p.proname = %s
"""
COLUMNS = """
    select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                     case when a.attnotnull then 'not null' end,
                     'default ' || pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = ('pgtrickle.' || %s)::regclass and a.attnum > 0 and not a.attisdropped
"""


@pytest.fixture(scope="module", params=["emulator", "real"])
def engine(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A session on each; it can only read."""
    dsn = REAL if request.param == "real" else request.getfixturevalue("trickle_server").dsn()
    if dsn is None:
        pytest.skip("PGSTREAM_TEST_DSN names no server")
    with psycopg.connect(dsn, autocommit=True, options="-c default_transaction_read_only=on") as session:
        there = "select count(*) from pg_extension where extname = 'pg_trickle'"
        if session.execute(there).fetchone() != (1,) and request.param == "real":
            pytest.skip("the server of PGSTREAM_TEST_DSN has no pg_trickle")
        yield session


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_its_signature(engine: psycopg.Connection[Any], name: str) -> None:
    assert engine.execute(SIGNATURE, [name]).fetchall() == [FUNCTIONS[name]]


@pytest.mark.parametrize("name", RELATIONS)
def test_relation_has_the_columns_that_clients_read(engine: psycopg.Connection[Any], name: str) -> None:
    there = {row[0] for row in engine.execute(COLUMNS, [name]).fetchall()}
    assert set(RELATIONS[name].strip().split("\n        ")) - there == set()


def test_event_triggers_watch_ddl(engine: psycopg.Connection[Any]) -> None:
    found = engine.execute(
        "select evtname, evtevent, evtfoid::regproc::text from pg_event_trigger order by 1"
    )
    assert found.fetchall() == [
        ("pg_trickle_ddl_tracker", "ddl_command_end", "pgtrickle._on_ddl_end"),
        ("pg_trickle_drop_tracker", "sql_drop", "pgtrickle._on_sql_drop"),
    ]


def test_the_emulator_has_nothing_beside_those(trickle_server: PgStreamServer) -> None:
    found = (
        "select proname from pg_proc where pronamespace = 'pgtrickle'::regnamespace"
        " and prorettype <> 'event_trigger'::regtype",
        "select relname from pg_class where relnamespace = 'pgtrickle'::regnamespace"
        " and relkind in ('r', 'v')",
    )
    with psycopg.connect(trickle_server.dsn()) as session:
        functions, relations = ({row[0] for row in session.execute(query)} for query in found)
    assert functions == set(FUNCTIONS)
    assert relations == set(RELATIONS)


def test_the_emulator_says_that_it_is_none(trickle_server: PgStreamServer) -> None:
    with psycopg.connect(trickle_server.dsn()) as session:
        found = session.execute(
            "select extname, extversion from pg_extension where extname ~ '^pg_'"
        ).fetchall()
    assert found == [("pg_trickle", "0.67.0-emulator")]
