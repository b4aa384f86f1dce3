"""The objects of schema ``pgtrickle`` that the emulator has, as pg_trickle 0.67.0 has them."""

from __future__ import annotations

# name: (arguments, result, strict)
FUNCTIONS = {
    "advance_watermark": ("source text, watermark timestamp with time zone", "void", True),
    "alter_stream_table": (
        "name text, query text default null, schedule text default null, "
        "refresh_mode text default null, status text default null, "
        "diamond_consistency text default null, diamond_schedule_policy text "
        "default null, cdc_mode text default null, append_only boolean default "
        "null::boolean, pooler_compatibility_mode boolean default null::boolean, "
        "tier text default null, fuse text default null, fuse_ceiling bigint "
        "default null::bigint, fuse_sensitivity integer default null::integer, "
        "partition_by text default null, max_differential_joins integer default "
        "null::integer, max_delta_fraction double precision default null::double "
        "precision, post_refresh_action text default null, reindex_drift_threshold "
        "double precision default null::double precision, sink text default null, "
        "ducklake_sink_path text default null, ducklake_sink_table_id bigint default null::bigint",
        "void",
        False,
    ),
    "check_cdc_health": (
        "",
        "TABLE(source_relid bigint, source_table text, cdc_mode text, slot_name "
        "text, lag_bytes bigint, confirmed_lsn text, alert text, selective_capture boolean)",
        True,
    ),
    "create_stream_table": (
        "name text, query text, schedule text default 'calculated', refresh_mode "
        "text default 'AUTO', initialize boolean default true, "
        "diamond_consistency text default null, diamond_schedule_policy text "
        "default null, cdc_mode text default null, append_only boolean default "
        "false, pooler_compatibility_mode boolean default false, partition_by "
        "text default null, max_differential_joins integer default null::integer, "
        "max_delta_fraction double precision default null::double precision, "
        "output_distribution_column text default null, temporal boolean default "
        "false, storage_backend text default null, sink text default null, "
        "ducklake_sink_path text default null, ducklake_sink_table_id bigint default null::bigint",
        "void",
        False,
    ),
    "create_watermark_group": (
        "group_name text, sources text[], tolerance_secs double precision default 0.0",
        "integer",
        True,
    ),
    "drop_stream_table": ("name text, cascade boolean default false", "void", True),
    "drop_watermark_group": ("group_name text", "void", True),
    "explain_st": ("name text, with_analyze boolean default false", "TABLE(property text, value text)", True),
    "gate_source": ("source text", "void", True),
    "get_refresh_history": (
        "name text, max_rows integer default 20",
        "TABLE(refresh_id bigint, data_timestamp timestamp with time zone, "
        "start_time timestamp with time zone, end_time timestamp with time zone, "
        "action text, status text, rows_inserted bigint, rows_deleted bigint, "
        "duration_ms double precision, error_message text)",
        True,
    ),
    "get_staleness": ("name text", "double precision", True),
    "health_check": ("", "TABLE(check_name text, severity text, detail text)", True),
    "parse_duration_seconds": ("input text", "bigint", True),
    "pgt_status": (
        "",
        "TABLE(name text, status text, refresh_mode text, is_populated boolean, "
        "consecutive_errors integer, schedule text, data_timestamp timestamp with time "
        "zone, staleness interval, scc_id integer)",
        True,
    ),
    "pg_trickle_hash": ("input text", "bigint", False),
    "pg_trickle_hash_multi": ("inputs text[]", "bigint", True),
    "refresh_stream_table": ("name text", "void", True),
    "repair_stream_table": ("name text", "text", True),
    "resume_stream_table": ("name text", "void", True),
    "slot_health": (
        "",
        "TABLE(slot_name text, source_relid bigint, active boolean, retained_wal_bytes "
        "bigint, wal_status text)",
        True,
    ),
    "source_gates": (
        "",
        "TABLE(source_table text, schema_name text, gated boolean, gated_at timestamp "
        "with time zone, ungated_at timestamp with time zone, gated_by text)",
        True,
    ),
    "source_stable_name": ("source_oid oid", "text", True),
    "ungate_source": ("source text", "void", True),
    "version": ("", "text", True),
    "watermark_groups": (
        "",
        "TABLE(group_name text, source_count integer, tolerance_secs double "
        "precision, created_at timestamp with time zone)",
        True,
    ),
    "watermark_status": (
        "",
        "TABLE(group_name text, min_watermark timestamp with time zone, "
        "max_watermark timestamp with time zone, lag_secs double precision, aligned "
        "boolean, sources_with_watermark integer, sources_total integer)",
        True,
    ),
    "watermarks": (
        "",
        "TABLE(source_table text, schema_name text, watermark timestamp with time zone, "
        "updated_at timestamp with time zone, advanced_by text, wal_lsn text)",
        True,
    ),
}

# name: those of its columns that clients read
RELATIONS = {
    "pg_stat_stream_tables": """
        avg_duration_ms double precision
        consecutive_errors integer
        data_timestamp timestamp with time zone
        failed_refreshes bigint
        is_populated boolean
        last_action text
        last_refresh_at timestamp with time zone
        last_status text
        needs_reinit boolean
        pgt_id bigint
        pgt_name text
        pgt_schema text
        refresh_mode text
        schedule text
        stale boolean
        staleness interval
        status text
        successful_refreshes bigint
        total_refreshes bigint
        total_rows_deleted bigint
        total_rows_inserted bigint
    """,
    "pgt_change_tracking": """
        last_consumed_lsn pg_lsn
        slot_name text not null
        source_relid oid not null
        source_stable_name text
        tracked_by_pgt_ids bigint[]
    """,
    "pgt_dependencies": """
        cdc_mode text not null default 'TRIGGER'::text
        column_snapshot jsonb
        columns_used text[]
        decoder_confirmed_lsn pg_lsn
        pgt_id bigint not null
        schema_fingerprint text
        slot_name text
        source_relid oid not null
        source_stable_name text
        source_type text not null
        transition_started_at timestamp with time zone
    """,
    "pgt_refresh_history": """
        action text not null
        data_timestamp timestamp with time zone not null
        delta_row_count bigint default 0
        end_time timestamp with time zone
        error_message text
        fixpoint_iteration integer
        freshness_deadline timestamp with time zone
        initiated_by text
        merge_strategy_used text
        pgt_id bigint not null
        refresh_id bigint not null default nextval('pgtrickle.pgt_refresh_history_refresh_id_seq'::regclass)
        rows_deleted bigint default 0
        rows_inserted bigint default 0
        start_time timestamp with time zone not null
        status text not null
        tick_watermark_lsn pg_lsn
        was_full_fallback boolean not null default false
    """,
    "pgt_source_gates": """
        gated boolean not null default true
        gated_at timestamp with time zone not null default now()
        gated_by text
        source_relid oid not null
        ungated_at timestamp with time zone
    """,
    "pgt_stream_tables": """
        auto_threshold double precision
        blow_reason text
        blown_at timestamp with time zone
        consecutive_errors integer not null default 0
        created_at timestamp with time zone not null default now()
        data_timestamp timestamp with time zone
        defining_query text not null
        diamond_consistency text not null default 'atomic'::text
        diamond_schedule_policy text not null default 'fastest'::text
        effective_refresh_mode text
        frontier jsonb
        functions_used text[]
        fuse_ceiling bigint
        fuse_mode text not null default 'off'::text
        fuse_sensitivity integer
        fuse_state text not null default 'armed'::text
        has_keyless_source boolean not null default false
        is_append_only boolean not null default false
        is_populated boolean not null default false
        last_error_at timestamp with time zone
        last_error_message text
        last_full_ms double precision
        last_refresh_at timestamp with time zone
        max_delta_fraction double precision
        max_differential_joins integer
        needs_reinit boolean not null default false
        original_query text
        pgt_id bigint not null default nextval('pgtrickle.pgt_stream_tables_pgt_id_seq'::regclass)
        pgt_name text not null
        pgt_relid oid not null
        pgt_schema text not null
        pooler_compatibility_mode boolean not null default false
        post_refresh_action text not null default 'none'::text
        refresh_mode text not null default 'DIFFERENTIAL'::text
        refresh_tier text not null default 'hot'::text
        reindex_drift_threshold double precision
        requested_cdc_mode text
        scc_id integer
        schedule text
        st_partition_key text
        status text not null default 'INITIALIZING'::text
        storage_backend text not null default 'heap'::text
        temporal_mode boolean not null default false
        topk_limit integer
        topk_offset integer
        topk_order_by text
        updated_at timestamp with time zone not null default now()
    """,
    "pgt_watermark_groups": """
        created_at timestamp with time zone not null default now()
        group_id integer not null default nextval('pgtrickle.pgt_watermark_groups_group_id_seq'::regclass)
        group_name text not null
        source_relids oid[] not null
        tolerance_secs double precision not null default 0
    """,
    "pgt_watermarks": """
        advanced_by text
        source_relid oid not null
        updated_at timestamp with time zone not null default now()
        wal_lsn_at_advance text
        watermark timestamp with time zone not null
    """,
    "stream_tables_info": """
        auto_threshold double precision
        blow_reason text
        blown_at timestamp with time zone
        consecutive_errors integer
        created_at timestamp with time zone
        data_timestamp timestamp with time zone
        defining_query text
        diamond_consistency text
        diamond_schedule_policy text
        effective_refresh_mode text
        frontier jsonb
        functions_used text[]
        fuse_ceiling bigint
        fuse_mode text
        fuse_sensitivity integer
        fuse_state text
        has_keyless_source boolean
        is_append_only boolean
        is_populated boolean
        last_error_at timestamp with time zone
        last_error_message text
        last_full_ms double precision
        last_refresh_at timestamp with time zone
        max_delta_fraction double precision
        max_differential_joins integer
        needs_reinit boolean
        original_query text
        pgt_id bigint
        pgt_name text
        pgt_relid oid
        pgt_schema text
        pooler_compatibility_mode boolean
        post_refresh_action text
        refresh_mode text
        refresh_tier text
        reindex_drift_threshold double precision
        requested_cdc_mode text
        scc_id integer
        schedule text
        st_partition_key text
        stale boolean
        staleness interval
        status text
        storage_backend text
        temporal_mode boolean
        topk_limit integer
        topk_offset integer
        topk_order_by text
        updated_at timestamp with time zone
    """,
}
