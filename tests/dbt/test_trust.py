"""What is refreshed by its changes is what was tried; and what is compared with its query afterwards."""

from __future__ import annotations

import re

import pytest

from airflow_provider_pgstream._engines import verdicts
from tests.fixtures.engine import ENGINE

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select id, amount {FROM} where amount > 1"
DIFFERS = (
    "select count(*) from ("
    "(select id, amount from orders where amount > 1 except all select id, amount from t)"
    " union all (select id, amount from t except all select id, amount from orders where amount > 1)) d"
)


@pytest.fixture
def table(project):
    """Make a project with one stream table, refreshed in each run."""

    def make(**config):
        project.model("t", QUERY, refresh="always", **config)
        assert project.run().success
        return project

    return make


def judge(project, verdict):
    """Keep a verdict about the stream table's query as the check does."""
    project.sql(verdicts.MAKE)
    project.sql(
        f"insert into {verdicts.TABLE} select {verdicts.hash_of('coalesce(original_query, defining_query)')},"
        f" '{ENGINE.extension}', (select extversion from pg_extension where extname = '{ENGINE.extension}'),"
        f" 'DIFFERENTIAL', '{verdict}', 'said', 1, 1, null, 'q' from {ENGINE.catalog}"
        " on conflict (query_hash, engine, version, refresh_mode) do update set verdict = excluded.verdict"
    )


def refreshed(project, *args):
    """Change the source, run, and return what was said of the stream table; the rows are right."""
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    result = project.run(*args)
    assert result.success, result.text
    assert project.sql(DIFFERS) == [(0,)]
    return said(result)


def said(result):
    """What a run has said of the stream table, without the SQL that it logs."""
    return "\n".join(re.findall(r"public\.t: \w+ \((?:FULL|DIFFERENTIAL).*", result.text))


@pytest.fixture
def lossy(table):
    """One whose next refresh loses a row, as a real engine may."""

    def make(**config):
        project = table(**config)
        project.sql("create table lost (n int); insert into lost values (1)")
        project.sql(
            "create function lose() returns trigger language plpgsql as $$ begin"
            " update lost set n = n - 1 where n > 0; return case when not found then new end; end $$"
        )
        project.sql("create trigger lose before insert on t for each row execute function lose()")
        project.sql("insert into orders (customer_id, amount) values (1, 2000)")
        return project

    return make


def test_unchecked_table_is_refreshed_in_full_where_only_checked_ones_are_trusted(table):
    project = table(trust="checked")
    assert "was not tried on this engine and version" in refreshed(project)
    judge(project, "right")
    assert "its query was" not in refreshed(project)


@pytest.mark.parametrize("verdict", ["wrong", "fails", "refused"])
def test_bad_verdict_is_heeded_whoever_is_trusted(table, verdict):
    project = table(trust="engine")
    assert "its query was" not in refreshed(project)
    judge(project, verdict)
    assert "its query was tried on this engine, and" in refreshed(project)


def test_var_says_what_is_trusted_and_the_model_decides(table):
    project = table()
    assert "was not tried" in refreshed(project, "--vars", "{pgstream_trust: checked}")
    project.model("t", QUERY, refresh="always", trust="engine")
    assert "was not tried" not in refreshed(project, "--vars", "{pgstream_trust: checked}")
    project.model("t", QUERY, refresh="always", trust="blindly")
    result = project.run()
    assert not result.success
    assert "trust is 'blindly', expected one of CHECKED, ENGINE" in result.text


def test_operation_obeys_the_model(table):
    project = table(trust="checked")
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    result = project.operation("pgstream_refresh", "{model_name: t}")
    assert "was not tried" in said(result)
    assert project.sql(DIFFERS) == [(0,)]


def test_verification_of_a_distrusted_table_is_the_same(table):
    project = table(trust="checked")
    assert project.operation("pgstream_verify", "{model_name: t}").success
    project.tamper("delete from t")
    result = project.operation("pgstream_verify", "{model_name: t}")
    assert not result.success
    assert "rows are missing" in result.text


def test_rows_that_differ_after_a_refresh_fail_the_model_and_change_nothing(lossy):
    project = lossy(verify="fail")
    before = project.sql("select id from t order by id")
    result = project.run()
    assert not result.success
    assert "would differ from its query: 1 rows missing, 0 that should not be there" in result.text
    assert project.sql("select id from t order by id") == before
    assert project.sql("select n from lost") == [(1,)]


def test_rows_that_differ_after_a_refresh_are_repaired(lossy):
    project = lossy(verify="repair")
    result = project.run()
    assert result.success, result.text
    assert "it differed from its query after a differential refresh: 1 rows were missing" in said(result)
    assert project.sql("select n from lost") == [(0,)]
    assert project.sql(DIFFERS) == [(0,)]
    assert "it differed" not in refreshed(project)


def test_nothing_is_compared_where_nobody_asks(lossy):
    project = lossy()
    assert project.run().success
    assert project.sql(DIFFERS) == [(1,)]
