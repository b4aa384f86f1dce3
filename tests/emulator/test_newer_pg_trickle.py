"""What tests of detection need of pg_trickle 0.108: it is there, and does what is documented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream.emulator import PgStreamServer

pytest_plugins = ["tests.fixtures.newer"]

CAPABILITIES = """
select to_regprocedure('pgtrickle.pause_stream_table(text)') is not null,
       to_regprocedure('pgtrickle.explain_alter(text, text)') is not null,
       to_regprocedure('pgtrickle.refresh_graph_strict(regclass[], bytea, text)') is not null,
       to_regclass('pgtrickle.pgt_change_buffers') is not null,
       exists (select from pg_attribute where attrelid = 'pgtrickle.pgt_stream_tables'::regclass
               and attname = 'orchestration_mode')
"""
REFRESH = """
select r.node_results
from pgtrickle.graph_contract(array['public.st'::regclass]) c,
     pgtrickle.refresh_graph_strict(array['public.st'::regclass], c.graph_digest, 'ALLOW') r
"""


@pytest.fixture
def newer(newer_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session, with two orders and a stream table that is orchestrated from outside."""
    with psycopg.connect(newer_dsn, autocommit=True) as session:
        session.execute("create table orders (id int primary key)")
        session.execute("insert into orders values (1), (2)")
        session.execute(
            "select pgtrickle.create_stream_table('public.st', 'select id from public.orders', "
            "schedule => '1s', cdc_mode => 'trigger', orchestration_mode => 'EXTERNAL')"
        )
        yield session


def value(session: psycopg.Connection[Any], query: str) -> Any:
    row = session.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_capabilities_are_there_to_be_found(
    newer: psycopg.Connection[Any], trickle_server: PgStreamServer
) -> None:
    assert newer.execute(CAPABILITIES).fetchone() == (True,) * 5
    with psycopg.connect(trickle_server.dsn()) as older:
        assert older.execute(CAPABILITIES).fetchone() == (False,) * 5


def test_external_table_is_refreshed_by_its_graph_and_by_nobody_else(
    newer: psycopg.Connection[Any], newer_server: PgStreamServer
) -> None:
    newer.execute("insert into orders values (3)")
    assert newer_server.run_scheduler(later=3600) == {}
    with pytest.raises(psycopg.Error, match="PGT_EXT_ORCHESTRATION_MODE"):
        newer.execute("select pgtrickle.refresh_stream_table('public.st')")
    (result,) = value(newer, REFRESH).values()
    assert (result["identity"], result["result_class"], result["rows_inserted"]) == (
        "public.st",
        "COMPLETED",
        1,
    )
    assert [node["result_class"] for node in value(newer, REFRESH).values()] == ["NO_DATA"]
    last = "select initiated_by from pgtrickle.pgt_refresh_history order by refresh_id desc limit 1"
    assert value(newer, last) == "EXTERNAL_GRAPH"


def test_graph_that_has_changed_is_not_refreshed(newer: psycopg.Connection[Any]) -> None:
    digest = value(newer, "select graph_digest from pgtrickle.graph_contract(array['public.st'::regclass])")
    newer.execute(
        "select pgtrickle.alter_stream_table('public.st', "
        "query => 'select id from public.orders where id > 1')"
    )
    with pytest.raises(psycopg.Error, match="PGT_EXT_CONTRACT_MISMATCH"):
        newer.execute(
            "select pgtrickle.refresh_graph_strict(array['public.st'::regclass], %s, 'ALLOW')", [digest]
        )


def test_managed_table_is_paused_and_its_query_explained(newer: psycopg.Connection[Any]) -> None:
    assert value(newer, "select pgtrickle.set_orchestration_mode('public.st', 'managed')") == "MANAGED"
    newer.execute("select pgtrickle.refresh_stream_table('public.st')")
    newer.execute("select pgtrickle.pause_stream_table('public.st')")
    assert value(newer, "select status from pgtrickle.pgt_stream_tables") == "SUSPENDED"
    explain = "select pgtrickle.explain_alter('public.st', '{}') ->> 'result'"
    assert value(newer, explain.format("select id from public.orders where id > 1")) == "compatible"
    assert value(newer, explain.format("select id::bigint as id from public.orders")) == "rebuildable"
    assert value(newer, explain.format("select id from public.orders limit 1")) == "rejected"
