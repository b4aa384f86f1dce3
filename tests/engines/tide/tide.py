"""Tide, an engine that there is not: what somebody writes who adds one, and nothing else in Python."""

from __future__ import annotations

from airflow_provider_pgstream._engines.engine import Engine, Says

ENGINE = Engine(
    extension="tide",
    schema="tide_api",
    changes_schema="tide_changes",
    prefix="td",
    alert_channel="tide_alert",
    scheduler_process="tide scheduler",
    scheduler_database=None,
    unscheduled="case when st.schedule is null and st.is_populated then 'is moved by hand only' end",
    history_of_last="h.data_timestamp = st.last_refresh_at",
    capture=(
        "select count(*) = 2 as present, pg_catalog.bool_or(tg.tgenabled = 'D') as disabled"
        "  from pg_catalog.pg_trigger tg where tg.tgrelid = s.source_relid and tg.tgname like 'tide_cdc_%%'"
    ),
    capture_triggers=(
        "array(select tg.tgname::text from pg_catalog.pg_trigger tg"
        " where tg.tgrelid = {source} and tg.tgname like 'tide_cdc_%%')"
    ),
    buffer_name="'changes_' || d.source_relid::bigint",
    made_by_create=("changes_", "tide_cdc_"),
    says=Says(
        busy="somebody else moves it",
        suspended="lies still",
        not_found="no such tide",
        exists="the tide is there",
        cycle="round and round: (.*)",
        refused_query="not for tides: (.*)",
        unresolved="SpiTupleTable positioned before the start",
        invalid="wrong word: (.*)",
        refreshed=r"moved by (?P<action>[A-Z]+)(?:: \+(?P<inserted>\d+) -(?P<deleted>\d+))?\.",
    ),
    position="pg_catalog.pg_current_wal_lsn()",
    mixed_in_full=True,
    reinit_in_full=True,
    own_sqlstates=frozenset({"XX000"}),
    chatter=("[TD_PROFILE]", "[tide]"),
    deletes_unread=True,
)
