"""Operations and generic tests that judge; none can pass by mistake."""

from __future__ import annotations

import importlib.metadata

import pytest

FROM = "from {{ source('raw', 'orders') }}"
QUERY = f"select customer_id, sum(amount) as total {FROM} group by customer_id"
DBT = tuple(int(part) for part in importlib.metadata.version("dbt-core").split(".")[:2])


def age(project, name, seconds):
    project.sql(
        "update pgstream.pgs_stream_tables set data_timestamp = now() - make_interval(secs => %s) "
        "where pgs_name = %s",
        seconds,
        name,
    )


def freshness(project, args="{}"):
    return project.operation("pgstream_check_freshness", args)


def test_the_default_thresholds_are_600_and_1800_seconds(totals):
    for seconds, level in ((500, "OK"), (700, "WARN"), (1900, "ERROR")):
        age(totals, "order_totals", seconds)
        result = freshness(totals)
        assert f"public.order_totals: {level} data of " in result.text
        assert result.success is (level != "ERROR")


def test_thresholds_can_be_given(totals):
    age(totals, "order_totals", 100)
    assert freshness(totals, "{model_name: order_totals, warn_seconds: 30, error_seconds: 900}").success
    assert not freshness(totals, "{model_name: order_totals, warn_seconds: 30, error_seconds: 60}").success


def test_thresholds_that_make_no_sense_are_refused(project):
    for args, sentence in (
        ("{warn_seconds: soon}", "warn_seconds is 'soon', expected seconds, 0 or more"),
        ("{error_seconds: true}", "error_seconds is true, expected seconds, 0 or more"),
        ("{warn_seconds: 10, error_seconds: 5}", "warn_seconds (10) is above error_seconds (5)"),
    ):
        result = freshness(project, args)
        assert not result.success
        assert f"pgstream_check_freshness: {sentence}" in result.text


def test_a_threshold_shorter_than_the_schedule_is_pointed_out(totals):
    totals.model("order_totals", QUERY, schedule="2h")
    totals.run()
    assert "error_seconds (1800) is shorter than its schedule (2h)" in freshness(totals).text


def test_an_unpopulated_table_is_an_error(project):
    project.model("t", QUERY, initialize=False)
    project.run()
    for args in ("{}", "{model_name: t}"):
        result = freshness(project, args)
        assert not result.success
        assert "public.t: ERROR never populated" in result.text


def test_one_paused_by_its_model_is_skipped_and_when_named_an_error(project):
    project.model("t", QUERY, status="PAUSED")
    project.run()
    result = freshness(project)
    assert result.success
    assert "public.t: SKIP paused by its model" in result.text
    assert not freshness(project, "{model_name: t}").success


def test_one_paused_by_someone_else_is_an_error(totals):
    totals.operation("pgstream_pause", "{model_name: order_totals}")
    assert not freshness(totals).success


def test_one_suspended_by_errors_is_an_error_even_if_its_model_pauses_it(project):
    project.model("t", QUERY, status="PAUSED")
    project.run()
    project.sql("update pgstream.pgs_stream_tables set consecutive_errors = 3")
    result = freshness(project)
    assert not result.success
    assert "SUSPENDED by 3 errors in a row" in result.text


def test_one_in_error_is_an_error(totals):
    totals.sql("drop table orders cascade")
    for operation in ("pgstream_check_freshness", "pgstream_check_cdc_health"):
        result = totals.operation(operation)
        assert not result.success
        assert "public.order_totals: ERROR status is ERROR" in result.text


def test_a_check_does_not_pass_because_nothing_was_built(project):
    project.model("t", QUERY)
    for operation in ("pgstream_check_freshness", "pgstream_check_cdc_health"):
        result = project.operation(operation)
        assert not result.success
        assert "none of the 1 stream table models of this project is in database 'dbt_test'" in result.text


def health(project, args="{}"):
    return project.operation("pgstream_check_cdc_health", args)


def test_sound_capture_passes(totals):
    for args in ("{}", "{model_name: order_totals}"):
        result = health(totals, args)
        assert result.success, result.text
        assert "public.orders: OK TRIGGER" in result.text


def test_a_change_trigger_that_does_not_fire_is_an_error(totals):
    (trigger,) = totals.sql(
        "select min(tgname) from pg_trigger where tgrelid = 'orders'::regclass and tgname ~ 'cdc'"
    )[0]
    for damage in ("alter table orders disable trigger {0}", "drop trigger {0} on orders"):
        totals.sql(damage.format(trigger))
        result = health(totals)
        assert not result.success
        assert "public.orders: ERROR its change trigger is missing or disabled" in result.text
        assert "pgstream_check_cdc_health: 1 of 1 in error:" in result.text


def test_health_of_a_table_that_reads_only_stream_tables(totals):
    totals.model("second", "select customer_id, total from {{ ref('order_totals') }}")
    totals.run()
    assert "nothing is captured for it" in health(totals, "{model_name: second}").text


GENERIC_TESTS = """
version: 2
models:
  - name: t
    tests:
      - pgstream.stream_table_populated
      - pgstream.stream_table_fresh:
          %s
"""


def with_generic_tests(project, **config):
    project.model("t", QUERY, **config)
    argument = "max_staleness_seconds: 60"
    project.write(
        "models/t.yml", GENERIC_TESTS % (f"arguments: {{{argument}}}" if DBT >= (1, 11) else argument)
    )


@pytest.mark.parametrize("config", [{}, {"stream_table_name": "elsewhere"}], ids=["own place", "elsewhere"])
def test_generic_tests_pass_and_fail(project, config):
    with_generic_tests(project, initialize=False, **config)
    assert project.run().success
    assert set(project.dbt("test").statuses.values()) == {"fail"}
    project.operation("pgstream_refresh", "{model_name: t}")
    assert set(project.dbt("test").statuses.values()) == {"pass"}
    age(project, config.get("stream_table_name", "t"), 100)
    assert sorted(project.dbt("test").statuses.values()) == ["fail", "pass"]


def test_generic_tests_fail_for_what_is_no_stream_table(project):
    with_generic_tests(project)
    project.sql("create table t (one int)")
    assert set(project.dbt("test").statuses.values()) == {"fail"}


@pytest.mark.skipif(DBT < (1, 10), reason="loaded_at_query came with dbt 1.10")
def test_native_source_freshness(totals):
    totals.write(
        "models/streams.yml",
        "version: 2\nsources:\n  - name: streams\n    schema: public\n    tables:\n"
        "      - name: order_totals\n"
        "        config:\n"
        "          loaded_at_query: \"{{ pgstream.loaded_at_query('public', 'order_totals') }}\"\n"
        "          freshness:\n"
        "            warn_after: {count: 10, period: minute}\n"
        "            error_after: {count: 30, period: minute}\n",
    )
    result = totals.dbt("source", "freshness")
    assert result.success, result.text
    age(totals, "order_totals", 3600)
    result = totals.dbt("source", "freshness")
    assert not result.success
    assert list(result.statuses.values()) == ["error"]
