create function pgstream.pgs_status()
returns table (name text, status text, refresh_mode text, is_populated boolean, consecutive_errors int,
    schedule text, data_timestamp timestamptz, staleness interval)
language sql strict set search_path = pg_catalog
as $$
    select s.pgs_schema || '.' || s.pgs_name, s.status, s.refresh_mode, s.is_populated, s.consecutive_errors,
           s.schedule, s.data_timestamp, now() - s.data_timestamp
    from pgstream.pgs_stream_tables s order by s.pgs_schema, s.pgs_name
$$;

create function pgstream.st_refresh_stats()
returns table (pgs_name text, pgs_schema text, status text, refresh_mode text, is_populated boolean,
    total_refreshes bigint, successful_refreshes bigint, failed_refreshes bigint, total_rows_inserted bigint,
    total_rows_deleted bigint, avg_duration_ms float8, last_refresh_action text, last_refresh_status text,
    last_refresh_at timestamptz, staleness_secs float8, stale boolean)
language sql strict set search_path = pg_catalog
as $$
    select s.pgs_name, s.pgs_schema, s.status, s.refresh_mode, s.is_populated, s.total_refreshes,
           s.successful_refreshes, s.failed_refreshes, s.total_rows_inserted, s.total_rows_deleted,
           coalesce(s.avg_duration_ms, 0), s.last_action, s.last_status, s.last_refresh_at,
           extract(epoch from s.staleness)::float8, coalesce(s.stale, false)
    from pgstream.pg_stat_stream_tables s order by s.pgs_schema, s.pgs_name
$$;

create function pgstream.check_cdc_health()
returns table (source_relid bigint, source_table text, cdc_mode text, slot_name text, lag_bytes bigint,
    confirmed_lsn text, alert text)
language sql strict
as $$
    select distinct d.source_relid::bigint, d.source_relid::pg_catalog.regclass::text, d.cdc_mode, null::text,
           null::bigint, null::text, null::text
    from pgstream.pgs_dependencies d where d.source_type = 'TABLE' order by 1
$$;

create function pgstream.explain_st(name text) returns table (property text, value text)
language sql strict
as $$ select * from pgstream_emulator.explain(name) $$;

create function pgstream.pg_stream_hash(input text) returns bigint
language sql immutable strict parallel safe set search_path = pg_catalog
as $$ select hashtextextended(input, 0) $$;

create function pgstream.pg_stream_hash_multi(inputs text[]) returns bigint
language sql immutable parallel safe set search_path = pg_catalog
as $$ select hash_array_extended(inputs, 0) $$;
