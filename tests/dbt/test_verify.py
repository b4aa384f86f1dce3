"""``pgstream_verify`` compares by the rules of the provider: both give the same counts."""

from __future__ import annotations

import re

import pytest

from tests.conftest import connection_json

# Each: the source, then a change of the stream table and how many rows are missing and too many after it.
CASES = {
    "duplicates": (
        "select * from (values (1, 'a'), (1, 'a'), (2, null)) v(id, word)",
        [
            ("delete from held where ctid = (select min(ctid) from held where id = 1)", (1, 0)),
            ("insert into held (__pgs_row_id, id, word) values (7, 3, 'c'), (8, 3, 'c')", (1, 2)),
        ],
    ),
    "nulls": (
        "select i as id, null::int as a, null::text as b from generate_series(1, 3) i",
        [("update held set b = '' where id = 2", (1, 1))],
    ),
    "floats": (
        "select i as id, i * 1e10::float8 as f, (i * 0.1)::float4 as g from generate_series(1, 100) i",
        [
            ("update held set f = f * (1 + 1e-12)", (0, 0)),
            ("update held set f = f * (1 + 1e-6) where id = 50", (1, 1)),
        ],
    ),
    "special floats": (
        "select i as id, f from unnest(array['NaN', 'Infinity', '-Infinity', '1e308', '5e-324', '0', null]"
        "::float8[]) with ordinality u(f, i)",
        [("update held set f = -f", (4, 4))],
    ),
    "rows that differ in floats only": (
        "select (i % 3)::text as word, (i * 1.1)::float8 as f from generate_series(1, 30) i",
        [("update held set f = f * (1 + 1e-13)", (0, 0)), ("update held set f = 1000 where f > 32", (1, 1))],
    ),
    "types without an order": (
        "select 1 as id, '{\"a\": 1}'::json as j, '{\"a\": 1}'::jsonb as b, point(1, 2) as p,"
        " array['[1]'::json] as js, array['[1]'::jsonb] as bs, array[1.5, null]::float8[] as fs",
        [
            ("update held set b = '{\"a\":1}', bs = array['[ 1 ]'::jsonb]", (0, 0)),
            ("update held set j = '{\"a\":1}'", (1, 1)),
            ("update held h set j = s.j, js = array['[ 1]'::json] from source s", (1, 1)),
            ("update held h set js = s.js, p = point(1, 3) from source s", (1, 1)),
            ("update held h set p = s.p, fs = '{1.5}' from source s", (1, 1)),
        ],
    ),
    "odd names": (
        'select 1 as "Mixed Case", 2 as "semi;colon", \'50%\'::text as "per%cent"',
        [('update held set "Mixed Case" = 2', (1, 1))],
    ),
}


@pytest.fixture
def hook(project, monkeypatch):
    module = pytest.importorskip("airflow_provider_pgstream.hooks.pgstream", reason="needs Airflow")
    monkeypatch.setenv("AIRFLOW_CONN_SAME", connection_json(project.dsn))
    return module.PgStreamHook(postgres_conn_id="same")


def counts_of_dbt(project):
    result = project.operation("pgstream_verify", "{model_name: held}")
    if "public.held: OK" in result.text:
        return 0, 0
    found = re.search(r"(\d+) rows are missing, (\d+) should not be there", result.text)
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("case", CASES)
def test_dbt_and_the_hook_find_the_same(project, hook, case):
    source, changes = CASES[case]
    project.sql(f"create table public.source as {source}")
    hook.create("public.held", "select * from public.source", schedule="1h", refresh_mode="FULL")
    hook.pause("public.held")
    for change, expected in [("select 1", (0, 0)), *changes]:
        project.tamper(change)
        found = hook.verify("public.held")
        assert (found.missing, found.surplus) == expected, change
        assert counts_of_dbt(project) == expected, change
