"""Verification finds every wrong row, and none that is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from tests.fixtures.engine import connect

NAME = "public.held"


@pytest.fixture
def held(orders: Any, hook: PgStreamHook) -> Callable[[str, str], None]:
    """Make a source from a query, and a stream table in FULL mode over all of it, paused: it stays wrong."""

    def make(source: str, columns: str = "*") -> None:
        orders.sql(f"create table public.source as {source}")
        hook.create(NAME, f"select {columns} from public.source", schedule="1h", refresh_mode="FULL")
        hook.pause(NAME)

    return make


def counts(hook: PgStreamHook, **kwargs: Any) -> tuple[int, int]:
    found = hook.verify(NAME, **kwargs)
    return found.missing, found.surplus


def test_one_wrong_row_among_many_is_found_and_shown(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held("select i as id, i % 1000 as amount from generate_series(1, 100000) i")
    assert counts(hook) == (0, 0)
    orders.tamper(f"update {NAME} set amount = amount + 1 where id = 77777")
    found = hook.verify(NAME, limit=10)
    assert (found.missing, found.surplus) == (1, 1)
    assert found.missing_examples == ('{"id":77777,"amount":777}',)
    assert found.surplus_examples == ('{"id":77777,"amount":778}',)


def test_missing_and_duplicate_rows_are_counted(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held("select * from (values (1, 'a'), (1, 'a'), (2, null), (3, 'c')) v(id, word)")
    assert counts(hook) == (0, 0)
    orders.tamper(f"delete from {NAME} where ctid = (select min(ctid) from {NAME} where id = 1)")
    assert counts(hook) == (1, 0)
    orders.sql("insert into public.source values (3, 'c')")
    assert counts(hook) == (2, 0)
    orders.sql("delete from public.source where id = 2")
    found = hook.verify(NAME, limit=10)
    assert (found.missing, found.surplus) == (2, 1)
    assert found.surplus_examples == ('{"id":2,"word":null}',)


def test_null_is_no_value_and_equal_to_itself(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held("select i as id, null::int as a, null::text as b from generate_series(1, 3) i")
    assert counts(hook) == (0, 0)
    orders.tamper(f"update {NAME} set b = '' where id = 2")
    assert counts(hook) == (1, 1)


def test_floats_are_equal_within_the_tolerance_and_no_further(
    orders: Any, hook: PgStreamHook, held: Any
) -> None:
    held("select i as id, i * 1e10::float8 as f, (i * 0.1)::float4 as g from generate_series(1, 100) i")
    orders.tamper(f"update {NAME} set f = f * (1 + 1e-12)")
    assert counts(hook) == (0, 0)
    assert counts(hook, float_tolerance=0) == (100, 100)
    orders.tamper(f"update {NAME} set f = f * (1 + 1e-6) where id = 50")
    assert counts(hook) == (1, 1)
    assert counts(hook, float_tolerance=1e-3) == (0, 0)


def test_special_floats_are_compared_without_an_error(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held(
        "select i as id, f from unnest(array['NaN', 'Infinity', '-Infinity', '1e308', '-1e308', '5e-324',"
        " '0', null]::float8[]) with ordinality u(f, i)"
    )
    assert counts(hook) == (0, 0)
    orders.tamper(f"update {NAME} set f = -f")
    assert counts(hook) == (5, 5)
    orders.tamper(f"update {NAME} set f = null where id = 1")
    assert counts(hook) == (6, 6)


def test_rows_that_differ_only_in_floats_are_paired(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held("select (i % 3)::text as word, (i * 1.1)::float8 as f from generate_series(1, 30) i")
    orders.tamper(f"update {NAME} set f = f * (1 + 1e-13)")
    assert counts(hook) == (0, 0)
    orders.tamper(f"update {NAME} set f = 1000 where f > 32")
    assert counts(hook) == (2, 2) or counts(hook) == (1, 1)


def test_types_without_equality_are_compared_as_text(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held(
        "select 1 as id, '{\"a\": 1}'::json as j, '{\"a\": 1}'::jsonb as b, point(1, 2) as p,"
        " array['[1]'::json] as js, array['[1]'::jsonb] as bs, array[1.5, null]::float8[] as fs,"
        " '[1,2)'::int4range as r"
    )
    assert counts(hook) == (0, 0)
    orders.tamper(f"update {NAME} set b = '{{\"a\":1}}', bs = array['[ 1 ]'::jsonb]")
    assert counts(hook) == (0, 0), "jsonb has an equality of its own"
    for column, value in (
        ("j", "'{\"a\":1}'"),
        ("b", "'{\"a\":2}'"),
        ("p", "point(1, 3)"),
        ("js", "array['[ 1]'::json]"),
        ("bs", "array['[2]'::jsonb]"),
        ("fs", "'{1.5}'"),
    ):
        orders.tamper(f"update {NAME} set {column} = {value}")
        assert counts(hook) == (1, 1), column
        orders.tamper(f"update {NAME} h set {column} = s.{column} from public.source s")
        assert counts(hook) == (0, 0), column


def test_odd_column_names_and_percent_signs_are_compared(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held(
        'select 1 as "Mixed Case", 2 as "semi;colon", \'50%\'::text as "per%cent"',
        '"Mixed Case", "semi;colon", "per%cent"',
    )
    orders.sql("insert into public.source values (3, 4, '%s')")
    assert counts(hook) == (1, 0)


def test_no_false_alarm_while_the_source_is_written_to(
    orders: Any, hook: PgStreamHook, in_thread: Callable[..., Any]
) -> None:
    name = hook.create("public.live", "select id, amount from public.orders", schedule="1h") and "public.live"
    hook.refresh(name)
    done: list[int] = []

    def write() -> int:
        with connect(orders.connection.info.dsn) as writer:
            for number in range(100, 100_000):
                writer.execute("insert into public.orders values (%s, 1, 1)", [number])
                writer.execute("update public.orders set amount = amount + 1 where id = 1")
                writer.commit()
                if done:
                    return number
        return 0

    thread = in_thread(write)
    found = []
    for _ in range(15):
        hook.refresh(name)
        verification = hook.verify(name)
        found.append((verification.missing, verification.surplus))
    done.append(1)
    assert thread.result() > 100
    assert found == [(0, 0)] * 15


def test_verification_changes_nothing_and_blocks_no_writer(orders: Any, hook: PgStreamHook) -> None:
    hook.create("public.live", "select id, amount from public.orders", schedule="1h")
    hook.refresh("public.live")
    before = hook.get("public.live").data_timestamp
    with connect(orders.connection.info.dsn) as writer:
        writer.execute("insert into public.orders values (3, 3, 30)")
        assert hook.verify("public.live").equal
    assert hook.get("public.live").data_timestamp == before
    assert orders.sql("select count(*) from public.live") == 2
    hook.refresh("public.live")
    assert orders.sql("select count(*) from public.live") == 3


def test_paused_table_is_compared_as_it_is_and_said_to_lag(orders: Any, hook: PgStreamHook) -> None:
    hook.create("public.live", "select id, amount from public.orders", schedule="1h")
    hook.pause("public.live")
    orders.sql("insert into public.orders values (3, 3, 30)")
    found = hook.verify("public.live")
    assert (found.missing, found.surplus, found.compared, found.action) == (1, 0, "as is", None)
    assert found.may_be_lag
    assert "may be lag: changes are pending; it is SUSPENDED (paused)" in found.warnings[0]


WARNED = (
    ("now()", "now"),
    ("current_date", "current_date"),
    ("random()", "random"),
    ("abs(amount)", None),
    ("'now()'::text", None),
    ("amount -- now()\n", None),
)


def test_query_whose_value_changes_by_itself_is_warned_of(orders: Any, hook: PgStreamHook) -> None:
    for number, (expression, warned) in enumerate(WARNED):
        query = f"select id, {expression} as value from public.orders"
        hook.create(f"public.t{number}", query, schedule="1h", refresh_mode="FULL")
        warnings = " ".join(hook.verify(f"public.t{number}").warnings)
        assert (f"uses {warned}" in warnings) if warned else not warnings, expression


def test_examples_are_as_many_as_asked_for(orders: Any, hook: PgStreamHook, held: Any) -> None:
    held("select i as id from generate_series(1, 50) i")
    orders.tamper(f"delete from {NAME} where id > 20")
    found = hook.verify(NAME, limit=3)
    assert (found.missing, len(found.missing_examples)) == (30, 3)
    assert hook.verify(NAME).missing_examples == ()  # rows are people's data
