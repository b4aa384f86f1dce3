"""The objects of schema ``pgstream``, as pg_stream 0.1.1 has them."""

from __future__ import annotations

# name: (arguments, result, strict, volatility)
FUNCTIONS = {
    "alter_stream_table": (
        "name text, schedule text default null, refresh_mode text default null, status text default null",
        "void",
        False,
        "v",
    ),
    "check_cdc_health": (
        "",
        "TABLE(source_relid bigint, source_table text, cdc_mode text, slot_name text, "
        "lag_bytes bigint, confirmed_lsn text, alert text)",
        True,
        "v",
    ),
    "create_stream_table": (
        "name text, query text, schedule text default '1m', refresh_mode text default "
        "'DIFFERENTIAL', initialize boolean default true",
        "void",
        False,
        "v",
    ),
    "drop_stream_table": (
        "name text",
        "void",
        True,
        "v",
    ),
    "explain_st": (
        "name text",
        "TABLE(property text, value text)",
        True,
        "v",
    ),
    "get_refresh_history": (
        "name text, max_rows integer default 20",
        "TABLE(refresh_id bigint, data_timestamp timestamp with time zone, start_time "
        "timestamp with time zone, end_time timestamp with time zone, action text, status "
        "text, rows_inserted bigint, rows_deleted bigint, duration_ms double precision, error_message text)",
        True,
        "v",
    ),
    "get_staleness": (
        "name text",
        "double precision",
        True,
        "v",
    ),
    "parse_duration_seconds": (
        "input text",
        "bigint",
        True,
        "i",
    ),
    "pg_stream_hash": (
        "input text",
        "bigint",
        True,
        "i",
    ),
    "pg_stream_hash_multi": (
        "inputs text[]",
        "bigint",
        False,
        "i",
    ),
    "pgs_status": (
        "",
        "TABLE(name text, status text, refresh_mode text, is_populated boolean, "
        "consecutive_errors integer, schedule text, data_timestamp timestamp with time "
        "zone, staleness interval)",
        True,
        "v",
    ),
    "refresh_stream_table": (
        "name text",
        "void",
        True,
        "v",
    ),
    "slot_health": (
        "",
        "TABLE(slot_name text, source_relid bigint, active boolean, retained_wal_bytes "
        "bigint, wal_status text)",
        True,
        "v",
    ),
    "st_refresh_stats": (
        "",
        "TABLE(pgs_name text, pgs_schema text, status text, refresh_mode text, "
        "is_populated boolean, total_refreshes bigint, successful_refreshes bigint, "
        "failed_refreshes bigint, total_rows_inserted bigint, total_rows_deleted bigint, "
        "avg_duration_ms double precision, last_refresh_action text, last_refresh_status "
        "text, last_refresh_at timestamp with time zone, staleness_secs double precision, stale boolean)",
        True,
        "v",
    ),
}

# name: its columns, in order
RELATIONS = {
    "pgs_change_tracking": """
        source_relid oid not null
        slot_name text not null
        last_consumed_lsn pg_lsn
        tracked_by_pgs_ids bigint[]
    """,
    "pgs_dependencies": """
        pgs_id bigint not null
        source_relid oid not null
        source_type text not null
        columns_used text[]
        column_snapshot jsonb
        schema_fingerprint text
        cdc_mode text not null default 'TRIGGER'::text
        slot_name text
        decoder_confirmed_lsn pg_lsn
        transition_started_at timestamp with time zone
    """,
    "pgs_refresh_history": """
        refresh_id bigint not null default nextval('pgstream.pgs_refresh_history_refresh_id_seq'::regclass)
        pgs_id bigint not null
        data_timestamp timestamp with time zone not null
        start_time timestamp with time zone not null
        end_time timestamp with time zone
        action text not null
        rows_inserted bigint default 0
        rows_deleted bigint default 0
        error_message text
        status text not null
        initiated_by text
        freshness_deadline timestamp with time zone
    """,
    "pgs_stream_tables": """
        pgs_id bigint not null default nextval('pgstream.pgs_stream_tables_pgs_id_seq'::regclass)
        pgs_relid oid not null
        pgs_name text not null
        pgs_schema text not null
        defining_query text not null
        original_query text
        schedule text
        refresh_mode text not null default 'DIFFERENTIAL'::text
        status text not null default 'INITIALIZING'::text
        is_populated boolean not null default false
        data_timestamp timestamp with time zone
        frontier jsonb
        last_refresh_at timestamp with time zone
        consecutive_errors integer not null default 0
        needs_reinit boolean not null default false
        auto_threshold double precision
        last_full_ms double precision
        functions_used text[]
        created_at timestamp with time zone not null default now()
        updated_at timestamp with time zone not null default now()
    """,
    "pg_stat_stream_tables": """
        pgs_id bigint
        pgs_schema text
        pgs_name text
        status text
        refresh_mode text
        is_populated boolean
        data_timestamp timestamp with time zone
        schedule text
        staleness interval
        stale boolean
        consecutive_errors integer
        needs_reinit boolean
        last_refresh_at timestamp with time zone
        total_refreshes bigint
        successful_refreshes bigint
        failed_refreshes bigint
        total_rows_inserted bigint
        total_rows_deleted bigint
        avg_duration_ms double precision
        last_action text
        last_status text
    """,
    "stream_tables_info": """
        pgs_id bigint
        pgs_relid oid
        pgs_name text
        pgs_schema text
        defining_query text
        original_query text
        schedule text
        refresh_mode text
        status text
        is_populated boolean
        data_timestamp timestamp with time zone
        frontier jsonb
        last_refresh_at timestamp with time zone
        consecutive_errors integer
        needs_reinit boolean
        auto_threshold double precision
        last_full_ms double precision
        functions_used text[]
        created_at timestamp with time zone
        updated_at timestamp with time zone
        staleness interval
        stale boolean
    """,
}
