create table pgstream.pgs_stream_tables (
    pgs_id bigserial primary key,
    pgs_relid oid not null unique,
    pgs_name text not null,
    pgs_schema text not null,
    defining_query text not null,
    original_query text,
    schedule text,
    refresh_mode text not null default 'DIFFERENTIAL' check (refresh_mode in ('FULL', 'DIFFERENTIAL')),
    status text not null default 'INITIALIZING'
        check (status in ('INITIALIZING', 'ACTIVE', 'SUSPENDED', 'ERROR')),
    is_populated boolean not null default false,
    data_timestamp timestamptz,
    frontier jsonb,
    last_refresh_at timestamptz,
    consecutive_errors int not null default 0,
    needs_reinit boolean not null default false,
    auto_threshold float8,
    last_full_ms float8,
    functions_used text[],
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index idx_pgs_name on pgstream.pgs_stream_tables (pgs_schema, pgs_name);
create index idx_pgs_status on pgstream.pgs_stream_tables (status);

create table pgstream.pgs_dependencies (
    pgs_id bigint not null references pgstream.pgs_stream_tables on delete cascade,
    source_relid oid not null,
    source_type text not null
        check (source_type in ('TABLE', 'STREAM_TABLE', 'VIEW', 'MATVIEW', 'FOREIGN_TABLE')),
    columns_used text[],
    column_snapshot jsonb,
    schema_fingerprint text,
    cdc_mode text not null default 'TRIGGER' check (cdc_mode in ('TRIGGER', 'TRANSITIONING', 'WAL')),
    slot_name text,
    decoder_confirmed_lsn pg_lsn,
    transition_started_at timestamptz,
    primary key (pgs_id, source_relid)
);
create index idx_deps_source on pgstream.pgs_dependencies (source_relid);

create table pgstream.pgs_refresh_history (
    refresh_id bigserial primary key,
    pgs_id bigint not null,
    data_timestamp timestamptz not null,
    start_time timestamptz not null,
    end_time timestamptz,
    action text not null check (action in ('NO_DATA', 'FULL', 'DIFFERENTIAL', 'REINITIALIZE', 'SKIP')),
    rows_inserted bigint default 0,
    rows_deleted bigint default 0,
    error_message text,
    status text not null check (status in ('RUNNING', 'COMPLETED', 'FAILED', 'SKIPPED')),
    initiated_by text check (initiated_by in ('SCHEDULER', 'MANUAL', 'INITIAL')),
    freshness_deadline timestamptz
);
create index idx_hist_pgs_ts on pgstream.pgs_refresh_history (pgs_id, data_timestamp);

create table pgstream.pgs_change_tracking (
    source_relid oid primary key,
    slot_name text not null,
    last_consumed_lsn pg_lsn,
    tracked_by_pgs_ids bigint[]
);

-- What a stream table has taken in. A change belongs to it for good when the snapshot sees the change's
-- transaction; a position in the log could not tell, because transactions commit in another order than
-- they write. `version` counts the refreshes that changed rows, for the stream tables that read this one.
create table pgstream_emulator.seen (
    pgs_id bigint primary key references pgstream.pgs_stream_tables on delete cascade,
    snapshot pg_snapshot not null,
    upstream_versions jsonb not null default '{}',
    version bigint not null default 0
);
-- Which transactions' changes may be gone from a source's buffer: none after `up_to`. A stream table that may not
-- have seen them recomputes its rows, so that nothing is kept for one that is paused, or not yet committed.
create table pgstream_emulator.trimmed (
    source_relid oid primary key,
    up_to xid8 not null
);
-- Whoever may refresh on the real engine, where there are no such tables, may do so here.
grant select, insert, update, delete on pgstream_emulator.seen, pgstream_emulator.trimmed to public;
