"""The engine is found in the database, and is one macro file; its hints are read by dbt and by Python."""

from __future__ import annotations

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from airflow_provider_pgstream.dbt import package_path
from airflow_provider_pgstream.emulator._dresses import DRESSES
from airflow_provider_pgstream.emulator._extension_files import script_of

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"
PG_STREAM = package_path() / "macros/engines/pg_stream.sql"


def renamed(text: str) -> str:
    """Return a text about pg_stream as it would be about an engine `tide`, whose every name is another."""
    tide = text.replace("pg_stream", "tide").replace("pgstream", "tide").replace("pgs_", "td_")
    return tide.replace("tide.star(", "pgstream.star(")  # a macro of ours


@pytest.fixture
def extensions(project, is_emulator) -> Path:
    """Where the server finds extensions; what a test puts there goes."""
    if not is_emulator:
        pytest.skip("no file of ours can be put where that server finds extensions")
    folder = Path(project.sql("show extension_control_path")[0][0].split(":")[0]) / "extension"
    before = set(folder.iterdir())
    yield folder
    for file in set(folder.iterdir()) - before:
        file.unlink()


@pytest.fixture(scope="session")
def tide_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For a project whose package has one more file; dbt parses it once."""
    path = tmp_path_factory.mktemp("tide")
    package = path / "dbt_packages/pgstream"
    shutil.copytree(package_path(), package, ignore=shutil.ignore_patterns("dbt_packages", "target", "logs"))
    (package / "macros/engines/tide.sql").write_text(renamed(PG_STREAM.read_text()))
    return path


@pytest.fixture
def tide(project, tide_directory, extensions):
    """An empty project whose database has the extension `tide`, beside pg_stream."""
    source = files("airflow_provider_pgstream.emulator") / "extension"
    (extensions / "tide.control").write_text(renamed((source / "pg_stream.control").read_text()))
    dress = DRESSES["pg_stream"]
    (extensions / "tide--0.1.1-emulator.sql").write_text(renamed(script_of(dress)))
    for name, value in dress.named_settings().items():
        project.sql(f"alter database {project.dsn.rpartition('/')[2]} set {renamed(name)} = '{value}'")
    project.sql("create extension tide")
    return type(project)(tide_directory, project.dsn).start_afresh()


def test_a_third_engine_is_one_macro_file(tide):
    tide.sql("drop extension pg_stream cascade")
    tide.model("t", QUERY, schedule="5m")
    tide.model("big", "select {{ pgstream.star(ref('t')) }} from {{ ref('t') }} where total > 1000")
    tide.model("elsewhere", QUERY, stream_table_name="kept")
    tide.write(
        "models/t.yml",
        "version: 2\nmodels:\n  - name: t\n    tests:\n"
        "      - pgstream.stream_table_populated\n      - pgstream.stream_table_fresh\n",
    )
    said = [tide.dbt("build")]
    assert said[0].success, said[0].text
    assert tide.sql("select td_name from tide.td_stream_tables order by 1") == [("big",), ("kept",), ("t",)]
    tide.sql("insert into orders (customer_id, amount) values (1, 1000)")
    for operation, args, line in (
        ("pgstream_refresh", "{model_name: t}", "public.t: refreshed"),
        ("pgstream_verify", "{model_name: t}", "public.t: OK"),
        ("pgstream_status", "{}", "no tide scheduler serves database 'dbt_test'"),
        ("pgstream_check_freshness", "{}", "public.t: OK data of "),
        ("pgstream_check_cdc_health", "{}", "public.orders: OK TRIGGER"),
    ):
        said.append(tide.operation(operation, args))
        assert said[-1].success, said[-1].text
        assert line in said[-1].text
    assert tide.sql("select sum(total) from t") == [(6050,)]
    tide.model("refused", f"select id {FROM} limit 1")
    said.append(tide.run("--select", "refused"))
    assert "leave LIMIT and OFFSET to whoever reads it" in said[-1].messages["refused"]
    said.append(tide.operation("drop_all_stream_tables"))
    assert tide.sql("select count(*) from tide.td_stream_tables") == [(0,)]
    assert not [line for one in said for line in one.text.splitlines() if "pg_stream" in line]


def test_of_two_engines_in_a_database_the_var_decides(tide):
    tide.model("t", QUERY)
    result = tide.run()
    assert "has pg_stream and tide: say which of them keeps the stream tables" in result.messages["t"]
    assert "with the var pgstream_engine" in result.messages["t"]
    assert tide.kind("t") is None
    result = tide.run("--vars", "{pgstream_engine: ebb}")
    assert (
        "the var pgstream_engine is 'ebb', expected one of pg_stream, pg_trickle, tide"
        in result.messages["t"]
    )
    assert tide.run("--vars", "{pgstream_engine: tide}").success
    assert tide.sql("select td_name from tide.td_stream_tables") == [("t",)]
    assert tide.stream_table("t") is None


def hints(extension):
    text = (package_path() / f"macros/engines/{extension}.sql").read_text()
    return json.loads(text.split("{% raw %}")[1].split("{% endraw %}")[0])


ERRORS_OF_PG_STREAM = {
    'column "1" does not exist': "column numbers",
    "count(*) must be used to call a parameterless aggregate function": "write count(1)",
    "unsupported operator for DIFFERENTIAL mode: LIMIT is not supported": "OFFSET to whoever",
    "query parse error: Defining query must have a FROM clause": "read a table",
    'unsupported operator for DIFFERENTIAL mode: materialized view "m"': "behind the materialized view",
    'unsupported operator for DIFFERENTIAL mode: foreign table "f"': "use refresh_mode='FULL'",
    "unsupported operator for DIFFERENTIAL mode: TABLESAMPLE": "write the query without it",
    "byte index 9 is not a char boundary": "outside ASCII",
    "SPI error: SpiTupleTable positioned before the start or after the end": "schema",
    'column "__pgs_row_id" specified more than once': "not",
    'column reference "__pgs_count" is ambiguous': "not",
    "INSERT has more expressions than target columns": "another refresh mode",
    "invalid argument: stream table public.schedules is suspended; use x first": "it is paused",
    "refresh skipped: public.t — another refresh is already in progress": "another session",
    "cycle detected in dependency graph: a -> b": "cannot read itself",
    "invalid argument: invalid duration unit 'x' in '5x'": "'1h30m'",
    "invalid argument: schedule cannot be empty": "'1h30m'",
    'column "schedule" does not exist': None,
    "division by zero": None,
}


ERRORS_OF_PG_TRICKLE = {
    "invalid argument: stream table public.t is in error state ; use resume": "last scheduled refresh failed",
    "invalid argument: stream table public.schedules is suspended ; use x": "it is paused",
    'column "__pgt_row_id" specified more than once': "internal",
    "query parse error: Defining query must have a FROM clause": "read a table",
    "SPI error: SpiTupleTable positioned before the start or after the end": "schema",
    'column "amount" does not exist': "renamed",
    "ALTER TABLE public.orders blocked — column-affecting DDL": "block_source_ddl",
    "invalid argument: invalid duration unit 'x' in '5x'": "'1h30m'",
    "INSERT has more expressions than target columns": "another refresh mode",
    "unsupported operator for DIFFERENTIAL mode: LIMIT without ORDER BY": "whoever reads it",
    'unsupported operator for DIFFERENTIAL mode: materialized view "m"': "behind the materialized view",
    'unsupported operator for DIFFERENTIAL mode: foreign table "f"': "use refresh_mode='FULL'",
    "unsupported operator for DIFFERENTIAL mode: TABLESAMPLE": "write the query without it",
    "must be owner of table changes_0123456789abcdef": "one role",
    "refresh skipped: public.t — another refresh is already in progress": "another session",
    "cycle detected in dependency graph: a -> b": "cannot read itself",
    "division by zero": None,
}

OF_ENGINES = pytest.mark.parametrize(
    ("extension", "errors"), [("pg_stream", ERRORS_OF_PG_STREAM), ("pg_trickle", ERRORS_OF_PG_TRICKLE)]
)


@OF_ENGINES
def test_every_hint_is_for_somebody_and_has_an_error_of_its_own(extension, errors):
    written = hints(extension)
    for hint in written:
        assert set(hint) in ({"pattern", "hint"}, {"pattern", "airflow", "dbt"})
    first = {text: next((h for h in written if re.search(h["pattern"], text, re.I)), None) for text in errors}
    for text, words in errors.items():
        for reader in ("airflow", "dbt"):
            found = first[text] and first[text].get("hint", first[text].get(reader))
            assert words in found if words else found is None, text
    assert [hint for hint in written if hint not in first.values()] == []


@OF_ENGINES
def test_postgresql_reads_the_patterns_as_python_does(project, extension, errors):
    patterns = [hint["pattern"] for hint in hints(extension)]
    with psycopg.connect(project.dsn) as connection:
        rows = connection.execute(
            "select e, p, e ~* p from unnest(%s::text[]) as e cross join unnest(%s::text[]) as p",
            [list(errors), patterns],
        ).fetchall()
    assert len(rows) == len(errors) * len(patterns)
    for error, pattern, found in rows:
        assert found == bool(re.search(pattern, error, re.IGNORECASE)), (error, pattern)
