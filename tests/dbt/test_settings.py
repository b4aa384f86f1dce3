"""A wrong configuration is an error before any SQL is sent, and the error says what was expected."""

from __future__ import annotations

import pytest

from tests.fixtures.engine import ENGINE, IS_FIRST

QUERY = "select customer_id, sum(amount) as total from {{ source('raw', 'orders') }} group by customer_id"


INVALID = [
    ({"schedule": "bogus"}, "model {name}: schedule is 'bogus', expected a duration such as '90s'"),
    ({"schedule": "* * * *"}, "model {name}: schedule is '* * * *', expected a duration"),
    ({"schedule": True}, "model {name}: schedule is true, expected a duration"),
    ({"schedule": "5m; drop table orders"}, "model {name}: schedule is '5m; drop table orders'"),
    (
        {"refresh_mode": "INCREMENTAL"},
        "model {name}: refresh_mode is 'INCREMENTAL', expected one of DIFFERENTIAL, FULL",
    ),
    ({"refresh_mode": None}, "model {name}: refresh_mode is null, expected one of"),
    ({"initialize": "yes"}, "model {name}: initialize is 'yes', expected true or false"),
    ({"status": "STOPPED"}, "model {name}: status is 'STOPPED', expected one of ACTIVE, PAUSED"),
    (
        {"refresh": "sometimes"},
        "model {name}: refresh is 'sometimes', expected one of NEVER, UNPOPULATED, ALWAYS, AUTO",
    ),
    (
        {"wait_for_populated": "soon"},
        "model {name}: wait_for_populated is 'soon', expected true, false or seconds",
    ),
    ({"wait_for_populated": -1}, "model {name}: wait_for_populated is '-1'"),
    ({"alias": "Order Totals"}, "the engine cannot hold a stream table whose name is 'Order Totals'"),
    ({"alias": "a.b"}, "the engine cannot hold a stream table whose name is 'a.b'"),
    ({"stream_table_schema": "Marts"}, "the engine cannot hold a stream table whose schema is 'Marts'"),
    ({"stream_table_name": "ü" * 40}, "expected 1 to 63 bytes"),
]


def test_invalid_settings_are_refused_before_any_sql(project):
    # The hook would leave a trace, had any SQL been sent.
    project.sql("create table trace (number int)")
    for number, (config, _) in enumerate(INVALID):
        project.model(f"t{number}", QUERY, pre_hook=f"insert into public.trace values ({number})", **config)
    messages = project.run().messages
    for number, (_, sentence) in enumerate(INVALID):
        assert sentence.format(name=f"t{number}") in messages[f"t{number}"]
    assert project.sql("select number from trace") == []
    assert project.sql("select count(*) from pgstream.pgs_stream_tables") == [(0,)]


CRON = {
    "*/5 * * * *": "schedule: '5m'; or ",
    "0 */5 * * * *": "",
    "@hourly": "schedule: '1h'; or ",
    "0 3 * * *": "schedule: '1d'; or ",
    "17 4 * * MON": "schedule: '1w'; or ",
}
SCHEDULES = ["90", 90, "90s", "1h30m", "2d", "1w", *(CRON if IS_FIRST else ["calculated"])]


def test_valid_schedules_arrive_as_they_are_and_are_not_altered_again(project):
    for number, schedule in enumerate(SCHEDULES):
        project.model(f"t{number}", QUERY, schedule=schedule)
    assert project.run().success
    for number, schedule in enumerate(SCHEDULES):
        stored = None if schedule == "calculated" else str(schedule)
        assert project.stream_table(f"t{number}")["schedule"] == stored
    assert set(project.run().messages.values()) == {"skip"}


@pytest.mark.pg_trickle_only("pg_stream keeps to cron schedules")
def test_a_cron_schedule_is_refused_with_a_duration(project):
    for number, schedule in enumerate(CRON):
        project.model(f"t{number}", QUERY, schedule=schedule)
    messages = project.run().messages
    for number, (schedule, instead) in enumerate(CRON.items()):
        message = messages[f"t{number}"]
        assert f"model t{number}: schedule is '{schedule}', a cron expression, which pg_trickle" in message
        assert (
            f"without pause: {'about as often is ' if instead else ''}{instead}give schedule: null" in message
        )


OF_PG_TRICKLE = [
    ({"tier": "cold"}, "refresh_tier", "cold"),
    ({"append_only": True}, "is_append_only", True),
    ({"diamond_consistency": "none"}, "diamond_consistency", "none"),
    ({"fuse": "on", "fuse_ceiling": 1000}, "fuse_ceiling", 1000),
    ({"max_differential_joins": 3}, "max_differential_joins", 3),
    ({"max_delta_fraction": 0.5}, "max_delta_fraction", 0.5),
    ({"pooler_compatibility_mode": True}, "pooler_compatibility_mode", True),
    ({"post_refresh_action": "analyze"}, "post_refresh_action", "analyze"),
]


@pytest.mark.pg_trickle_only("pg_stream has none of them")
def test_what_only_pg_trickle_has_is_sent_and_not_altered_again(project):
    for number, (config, _, _) in enumerate(OF_PG_TRICKLE):
        project.model(f"t{number}", QUERY, schedule="1h", **config)
    result = project.run()
    assert result.success, result.text
    for number, (_, column, value) in enumerate(OF_PG_TRICKLE):
        assert project.stream_table(f"t{number}")[column] == value
        assert project.stream_table(f"t{number}")["requested_cdc_mode"] == "trigger"
    assert set(project.run().messages.values()) == {"skip"}
    project.model("t0", QUERY, schedule="1h", tier="warm")
    assert project.run("--select", "t0").messages["t0"] == "altered: tier from cold to warm"
    assert project.stream_table("t0")["refresh_tier"] == "warm"


@pytest.mark.pg_trickle_only("pg_stream has none of them")
@pytest.mark.parametrize("mode", ["AUTO", "IMMEDIATE"])
def test_the_modes_that_only_pg_trickle_has_hold_the_rows(project, mode):
    project.model("t", QUERY, refresh_mode=mode)
    assert project.run().success
    project.sql("insert into orders (customer_id, amount) values (1, 1000)")
    if mode == "IMMEDIATE":
        assert project.sql("select sum(total) from t") == [(6050,)]
    assert project.operation("pgstream_refresh", "{model_name: t}").success
    assert project.sql("select sum(total) from t") == [(6050,)]
    assert project.run().messages["t"] == "skip"


@pytest.mark.pg_stream_only("it has them")
@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"tier": "cold"}, "tier is not known to this database's pg_stream"),
        ({"cdc_mode": "trigger"}, "cdc_mode is not known to this database's pg_stream"),
        ({"refresh_mode": "AUTO"}, "refresh_mode is 'AUTO', expected one of DIFFERENTIAL, FULL"),
        ({"schedule": "calculated"}, "schedule is 'calculated', expected a duration"),
    ],
)
def test_what_only_pg_trickle_has_is_refused(project, config, sentence):
    project.model("t", QUERY, **config)
    assert f"model t: {sentence}" in project.run().messages["t"]
    assert project.kind("t") is None


def test_settings_come_from_the_folder_of_the_project(project):
    project.write(
        "dbt_project.yml",
        (project.path / "dbt_project.yml").read_text()
        + "models:\n  shop:\n    +materialized: stream_table\n    +schedule: '7m'\n    +refresh_mode: FULL\n",
    )
    project.write("models/t.sql", QUERY)
    assert project.run().success
    table = project.stream_table("t")
    assert (table["schedule"], table["refresh_mode"]) == ("7m", "FULL")


def test_settings_come_from_meta_and_an_explicit_null_counts(project):
    project.model("t", QUERY, meta={"refresh_mode": "FULL", "schedule": None, "initialize": False})
    project.write(
        "models/t.sql",
        (project.path / "models/t.sql")
        .read_text()
        .replace("'materialized': ", "")
        .replace("schedule=None, ", ""),
    )
    assert project.run().success
    table = project.stream_table("t")
    assert (table["schedule"], table["refresh_mode"], table["is_populated"]) == (None, "FULL", False)


def test_the_models_own_key_beats_its_meta(project):
    project.model("t", QUERY, schedule="3m", meta={"schedule": "4m"})
    assert project.run().success
    assert project.stream_table("t")["schedule"] == "3m"


def test_a_var_beats_the_model_for_refresh_and_wait(project):
    project.model("t", QUERY, initialize=False, refresh="never", wait_for_populated=False)
    project.run()
    assert not project.stream_table("t")["is_populated"]
    assert project.run("--vars", "{pgstream_refresh: unpopulated}").messages["t"] == "refreshed"
    assert project.stream_table("t")["is_populated"]


def test_an_invalid_var_is_refused_too(project):
    project.model("t", QUERY)
    result = project.run("--vars", "{pgstream_refresh: now}")
    assert "model t: refresh is 'now'" in result.messages["t"]
    result = project.run("--vars", "{pgstream_lock_timeout: long}")
    assert "the var pgstream_lock_timeout is 'long', expected seconds" in result.messages["t"]


def test_a_schedule_that_nobody_keeps_is_warned_of_once_per_run(project):
    for name in ("a", "b", "c", "d"):
        project.model(name, QUERY, schedule="5m")
    text = project.run().text
    assert text.count(f"no {ENGINE.extension} scheduler serves database 'dbt_test'") == 1


def test_nothing_is_warned_of_where_every_run_refreshes(project):
    project.model("a", QUERY, schedule="5m", refresh="always")
    project.model("b", QUERY, schedule=None)
    assert f"no {ENGINE.extension} scheduler" not in project.run().text


def test_a_missing_extension_says_how_to_install_it(project):
    project.sql("drop extension pg_stream cascade")
    project.model("t", QUERY)
    result = project.run()
    assert not result.success
    assert "none of pg_stream, pg_trickle is installed in database 'dbt_test' at " in result.messages["t"]
    assert "run CREATE EXTENSION pg_trickle there" in result.messages["t"]
    result = project.run("--vars", "{pgstream_engine: pg_stream}")
    assert "pg_stream is not installed in database 'dbt_test' at " in result.messages["t"]
    assert "run CREATE EXTENSION pg_stream there" in result.messages["t"]
