"""
pg_trickle, tried at 0.67.0 (github.com/grove/pg-trickle): what pg_stream has become.

What to do about its errors stands in the dbt package's ``macros/engines/pg_trickle.sql``, for both languages.
"""

from __future__ import annotations

from airflow_provider_pgstream._engines.engine import Engine, Says, Setting

# Buffers and triggers are named after a hash of the source's schema and name.
_BUFFER = (
    "(select 'changes_' || k.source_stable_name from pgtrickle.pgt_change_tracking k"
    " where k.source_relid = d.source_relid)"
)

# For each statement, or as an older way for each row; and one for TRUNCATE.
_KINDS = "array['pg_trickle_cdc_ins_', 'pg_trickle_cdc_upd_', 'pg_trickle_cdc_del_', 'pg_trickle_cdc_']"
_TRIGGERS = (
    f"array(select pg_catalog.unnest({_KINDS} || array['pg_trickle_cdc_truncate_']) || k.source_stable_name"
    " from pgtrickle.pgt_change_tracking k where k.source_relid = {source}::oid)"
)

# Later versions have this column.
_EXTERNAL = "coalesce(pg_catalog.to_jsonb(st) ->> 'orchestration_mode' = 'EXTERNAL', false)"

# The engine keeps some 8 kB of what it logged, build paths included.
_MESSAGE = """(?<=message: ")(?:[^"\\\\]|\\\\.)*"""

ENGINE = Engine(
    extension="pg_trickle",
    schema="pgtrickle",
    changes_schema="pgtrickle_changes",
    prefix="pgt",
    alert_channel="pg_trickle_alert",
    scheduler_process="pg_trickle scheduler",
    scheduler_database=None,
    unscheduled=(
        "case when st.refresh_mode = 'IMMEDIATE' then null"
        " when st.refresh_tier = 'frozen' then 'has no schedule (tier frozen)'"
        f" when {_EXTERNAL} then 'is orchestrated from outside (EXTERNAL)' end"
    ),
    external=_EXTERNAL,
    history_of_last="h.start_time = st.last_refresh_at",
    capture_triggers=_TRIGGERS,
    capture=(
        "select count(*) filter (where tg.tgname ~ '_truncate_[0-9a-f]+$') = 1"
        "       and (count(*) filter (where tg.tgname ~ '_(ins|upd|del)_[0-9a-f]+$') = 3"
        "            or count(*) filter (where tg.tgname ~ '_cdc_[0-9a-f]+$') = 1) as present,"
        "       pg_catalog.bool_or(tg.tgenabled not in ('O', 'A')) as disabled"
        "  from pg_catalog.pg_trigger tg where tg.tgrelid = s.source_relid"
        f"   and tg.tgname = any ({_TRIGGERS.format(source='s.source_relid')})"
    ),
    buffer_name=_BUFFER,
    made_by_create=("pg_type_typname_nsp_index", "changes_", "pg_trickle_cdc_"),
    says=Says(
        busy="another refresh is already in progress",
        suspended="is suspended",
        not_found="stream table not found",
        exists="stream table already exists",
        cycle="cycle detected in dependency graph: (.*)",
        refused_query="(?:unsupported operator for DIFFERENTIAL mode|query parse error): (.*)",
        unresolved="SpiTupleTable positioned before the start",
        invalid="invalid argument: (.*)",
        refreshed=(
            r"refreshed \((?P<action>[A-Z]+|TopK MERGE)[^:)]*"
            r"(?:: \+(?P<inserted>\d+) -(?P<deleted>\d+))?\)"
        ),
    ),
    position="pg_catalog.pg_current_wal_insert_lsn()",
    mixed_in_full=False,
    reinit_in_full=False,
    own_sqlstates=frozenset({"XX000", "22023", "42P01", "42P07", "0A000", "42000", "42P15"}),
    chatter=(
        "[PGS_PROFILE]",
        "[pg_trickle]",
        "no previous frontier",
        "does not exist, skipping",
        "uses CALCULATED schedule but has no downstream",
        "refresh is suspended until the tier is changed back",
    ),
    # The other moment moves only when rows were written.
    fresh_as_of="st.last_refresh_at",
    schedule=(
        "case when st.schedule is null and st.refresh_tier <> 'frozen' and st.refresh_mode <> 'IMMEDIATE'"
        f" and not {_EXTERNAL} then 'calculated' else st.schedule end"
    ),
    last_error=(
        f"coalesce(pg_catalog.substring(st.last_error_message, $${_MESSAGE}$$),"
        " pg_catalog.left(pg_catalog.split_part(st.last_error_message, E'\\n', 1), 300))"
    ),
    recomputed="st.effective_refresh_mode = 'FULL'",
    moved="pg_catalog.to_jsonb(st.data_timestamp) #>> '{}'",
    history_action=(
        "case when h.initiated_by = 'SCHEDULER' and h.action = 'DIFFERENTIAL'"
        " and h.rows_inserted = 0 and h.rows_deleted = 0 then 'NO_DATA' else h.action end"
    ),
    refresh_modes=("DIFFERENTIAL", "FULL", "AUTO", "IMMEDIATE"),
    driven="calculated",
    create_settings={"cdc_mode": "trigger"},
    unattended_settings={"tier": "frozen"},
    attended_settings={"tier": "hot"},
    setting_columns={
        "tier": "refresh_tier",
        "cdc_mode": "requested_cdc_mode",
        "append_only": "is_append_only",
        "partition_by": "st_partition_key",
        "fuse": "fuse_mode",
    },
    runs_cron=False,
    refused_in_names=r"[^\w.$]",
    truncates_buffers=True,
    skips=True,
    stays_in_error=True,
    scheduler_moves_frontier=True,
    waits_in_full="pg_catalog.current_setting('pg_trickle.cleanup_use_truncate', true) = 'on'",
    loses_in_wal=True,
    needs_key=True,
    dies_of_missing_grants=True,
    keeps_buffers=True,
    # Later versions; the one that was tried has it not.
    kept_in="pgt_change_buffers",
    repairs=("reinitialize_stream_table", "repair_stream_table"),
    unfinished="is_populated = false",
    safe_settings=(
        Setting(
            "cleanup_use_truncate",
            "off",
            "a table that the scheduler refreshes lets others on the same source lose changes of writers "
            "that were open meanwhile, and one in FULL mode stops the scheduler, its readers and new writers "
            "of its source beside an open writer",
        ),
        Setting(
            "compact_threshold",
            "0",
            "others on a source lose changes once more than that many wait in its change buffer",
        ),
        Setting("unlogged_buffers", "off", "a crash of the server loses changes that wait to be read"),
    ),
)
