"""What tells how a stream table is: status, staleness, views, explanation."""

from __future__ import annotations

from typing import Any

import pytest

DIFFERS = "its refreshes by hand leave history, and its views count otherwise"

QUERY = "select id, v from public.source"


def test_status_shows_every_stream_table(engine: Any) -> None:
    engine.create("public.t", QUERY, "5m")
    engine.create("public.u", QUERY, None, "FULL", initialize=False)
    assert engine.rows(
        "select name, status, refresh_mode, is_populated, consecutive_errors, schedule, "
        "data_timestamp is null, staleness is null from pgstream.pgs_status() order by name"
    ) == [
        ("public.t", "ACTIVE", "DIFFERENTIAL", True, 0, "5m", False, False),
        ("public.u", "INITIALIZING", "FULL", False, 0, None, True, True),
    ]


def test_staleness_is_the_seconds_since_the_data(engine: Any) -> None:
    engine.create("public.t", QUERY)
    # `now()` would be put into the column that tells freshness, which is another one in pg_trickle.
    engine.run("update pgstream.pgs_stream_tables set data_timestamp = current_timestamp - interval '1 hour'")
    assert 3600 <= engine.one("select pgstream.get_staleness('public.t')") < 3700


def test_staleness_of_unpopulated_and_unknown_tables_is_null(engine: Any) -> None:
    engine.create("public.t", QUERY, initialize=False)
    assert engine.one("select pgstream.get_staleness('public.t')") is None
    assert engine.one("select pgstream.get_staleness('public.missing')") is None


@pytest.mark.parametrize(
    ("schedule", "age", "stale"),
    [
        ("1h", "1 minute", False),
        ("1h", "2 hours", True),
        (None, "2 hours", None),
        ("@hourly", "2 hours", None),
    ],
)
@pytest.mark.pg_stream_only(DIFFERS)
def test_stale_is_older_than_a_duration(
    engine: Any, schedule: str | None, age: str, stale: bool | None
) -> None:
    engine.create("public.t", QUERY, schedule)
    engine.run("select pgstream.alter_stream_table('public.t', status => 'SUSPENDED')")
    engine.run(f"update pgstream.pgs_stream_tables set data_timestamp = now() - interval '{age}'")
    assert engine.one("select stale from pgstream.stream_tables_info") is stale
    assert engine.one("select stale from pgstream.pg_stat_stream_tables") is stale
    assert engine.one("select stale from pgstream.st_refresh_stats()") is bool(stale)


def test_stale_of_an_unpopulated_table_is_null(engine: Any) -> None:
    engine.create("public.t", QUERY, "5m", initialize=False)
    assert engine.one("select staleness, stale from pgstream.pg_stat_stream_tables") == (None, None)


@pytest.mark.pg_stream_only(DIFFERS)
def test_statistics_of_an_untouched_table(engine: Any) -> None:
    engine.create("public.t", QUERY, "1h")
    assert engine.one(
        "select total_refreshes, successful_refreshes, failed_refreshes, total_rows_inserted, "
        "total_rows_deleted, avg_duration_ms, last_action, last_status from pgstream.pg_stat_stream_tables"
    ) == (0, 0, 0, 0, 0, None, None, None)


@pytest.mark.pg_stream_only(DIFFERS)
def test_explanation_lists_what_is_known(engine: Any) -> None:
    engine.create("public.t", QUERY, "1h")
    found = dict(engine.rows("select property, value from pgstream.explain_st('public.t')"))
    assert list(found)[:9] == [
        "pgs_name",
        "defining_query",
        "refresh_mode",
        "status",
        "is_populated",
        "dvm_supported",
        "operator_tree",
        "output_columns",
        "source_oids",
    ]
    assert found["pgs_name"] == "public.t"
    assert found["defining_query"] == QUERY
    assert found["output_columns"] == "id, v"
    assert found["source_oids"] == str(engine.one("select 'source'::regclass::oid"))


def test_explanation_of_an_unknown_table_is_an_error_row(engine: Any) -> None:
    assert engine.rows("select * from pgstream.explain_st('public.missing')") == [
        ("error", "stream table not found: public.missing")
    ]


def test_hash_is_the_same_each_time(engine: Any) -> None:
    assert engine.one("select pgstream.pg_stream_hash('a') = pgstream.pg_stream_hash('a')")
    assert engine.one("select pgstream.pg_stream_hash('a') <> pgstream.pg_stream_hash('b')")
    assert engine.one(
        "select pgstream.pg_stream_hash_multi('{a,b}') <> pgstream.pg_stream_hash_multi('{b,a}')"
    )
