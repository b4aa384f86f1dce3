-- What its catalog has beyond pg_stream's, as far as clients read it. Most of it keeps what a client asked for, and
-- changes nothing here.
alter table pgtrickle.pgt_stream_tables
    drop constraint pgt_stream_tables_refresh_mode_check,
    add constraint pgt_stream_tables_refresh_mode_check
        check (refresh_mode in ('FULL', 'DIFFERENTIAL', 'IMMEDIATE')),
    add column topk_limit int,
    add column topk_order_by text,
    add column topk_offset int,
    add column diamond_consistency text not null default 'atomic'
        check (diamond_consistency in ('none', 'atomic')),
    add column diamond_schedule_policy text not null default 'fastest'
        check (diamond_schedule_policy in ('fastest', 'slowest')),
    add column has_keyless_source boolean not null default false,
    add column requested_cdc_mode text check (requested_cdc_mode in ('auto', 'trigger', 'wal')),
    add column is_append_only boolean not null default false,
    add column scc_id int,
    add column max_differential_joins int,
    add column max_delta_fraction float8,
    add column pooler_compatibility_mode boolean not null default false,
    add column refresh_tier text not null default 'hot' check (refresh_tier in ('hot', 'warm', 'cold', 'frozen')),
    add column effective_refresh_mode text,
    add column fuse_mode text not null default 'off' check (fuse_mode in ('off', 'on', 'auto')),
    add column fuse_state text not null default 'armed' check (fuse_state in ('armed', 'blown', 'disabled')),
    add column fuse_ceiling bigint,
    add column fuse_sensitivity int,
    add column blown_at timestamptz,
    add column blow_reason text,
    add column last_error_message text,
    add column last_error_at timestamptz,
    add column st_partition_key text,
    add column temporal_mode boolean not null default false,
    add column storage_backend text not null default 'heap',
    add column post_refresh_action text not null default 'none'
        check (post_refresh_action in ('none', 'analyze', 'reindex', 'reindex_if_drift')),
    add column reindex_drift_threshold float8
        check (reindex_drift_threshold > 0 and reindex_drift_threshold <= 1);

alter table pgtrickle.pgt_dependencies
    add column source_stable_name text;

alter table pgtrickle.pgt_change_tracking
    add column source_stable_name text;

alter table pgtrickle.pgt_refresh_history
    add foreign key (pgt_id) references pgtrickle.pgt_stream_tables on delete cascade,
    add column delta_row_count bigint default 0,
    add column merge_strategy_used text,
    add column was_full_fallback boolean not null default false,
    add column tick_watermark_lsn pg_lsn,
    add column fixpoint_iteration int;
