"""
pg_stream 0.1.1 (github.com/grove/pg-stream).

What to do about its errors stands in the dbt package's ``macros/engines/pg_stream.sql``, for both languages.
"""

from __future__ import annotations

from airflow_provider_pgstream._engines.engine import Engine, Says

# One for rows, one for TRUNCATE.
_TRIGGERS = "array['pg_stream_cdc_' || {source}::bigint, 'pg_stream_cdc_truncate_' || {source}::bigint]"

ENGINE = Engine(
    extension="pg_stream",
    schema="pgstream",
    changes_schema="pgstream_changes",
    prefix="pgs",
    alert_channel="pg_stream_alert",
    scheduler_process="pg_stream scheduler",
    scheduler_database="postgres",
    unscheduled="case when st.schedule is null and st.is_populated then 'has no schedule (CALCULATED)' end",
    history_of_last="h.data_timestamp = st.last_refresh_at",
    capture_triggers=_TRIGGERS,
    capture=(
        "select count(*) = 2 as present, pg_catalog.bool_or(tg.tgenabled = 'D') as disabled"
        "  from pg_catalog.pg_trigger tg where tg.tgrelid = s.source_relid"
        f"   and tg.tgname = any ({_TRIGGERS.format(source='s.source_relid')})"
    ),
    buffer_name="'changes_' || d.source_relid::bigint",
    made_by_create=("pg_type_typname_nsp_index", "changes_", "pg_stream_cdc_"),
    says=Says(
        busy="another refresh is already in progress",
        suspended="is suspended",
        not_found="stream table not found",
        exists="stream table already exists",
        cycle="cycle detected in dependency graph: (.*)",
        refused_query="(?:unsupported operator for DIFFERENTIAL mode|query parse error): (.*)",
        unresolved="SpiTupleTable positioned before the start",
        invalid="invalid argument: (.*)",
        refreshed=r"refreshed \((?P<action>[A-Z]+)(?:: \+(?P<inserted>\d+) -(?P<deleted>\d+))?\)",
    ),
    position="pg_catalog.pg_current_wal_lsn()",
    mixed_in_full=True,
    reinit_in_full=True,
    own_sqlstates=frozenset({"XX000"}),
    chatter=("[PGS_PROFILE]", "[pg_stream]", "no previous frontier"),
    deletes_unread=True,
)
