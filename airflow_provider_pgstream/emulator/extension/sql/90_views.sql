-- `stale` is the scheduler's own condition: NULL for cron and CALCULATED schedules.
create view pgstream.stream_tables_info as
select s.*, now() - pgstream_emulator.fresh_as_of(s) as staleness,
       extract(epoch from now() - pgstream_emulator.fresh_as_of(s)) > pgstream_emulator.schedule_seconds(s.schedule) as stale
from pgstream.pgs_stream_tables s;

create view pgstream.pg_stat_stream_tables as
select i.pgs_id, i.pgs_schema, i.pgs_name, i.status, i.refresh_mode, i.is_populated, i.data_timestamp,
       i.schedule, i.staleness, i.stale, i.consecutive_errors, i.needs_reinit, i.last_refresh_at,
       h.total_refreshes, h.successful_refreshes, h.failed_refreshes, h.total_rows_inserted,
       h.total_rows_deleted, h.avg_duration_ms, l.action as last_action, l.status as last_status
from pgstream.stream_tables_info i
cross join lateral (
    select count(*) as total_refreshes,
           count(*) filter (where r.status = 'COMPLETED') as successful_refreshes,
           count(*) filter (where r.status = 'FAILED') as failed_refreshes,
           coalesce(sum(r.rows_inserted), 0)::bigint as total_rows_inserted,
           coalesce(sum(r.rows_deleted), 0)::bigint as total_rows_deleted,
           (avg(extract(epoch from r.end_time - r.start_time)) * 1000)::float8 as avg_duration_ms
    from pgstream.pgs_refresh_history r where r.pgs_id = i.pgs_id) h
left join lateral (
    select r.action, r.status from pgstream.pgs_refresh_history r
    where r.pgs_id = i.pgs_id order by r.refresh_id desc limit 1) l on true;

-- Unqualified names mean schema public here, as in the real engine.
create function pgstream.get_staleness(name text) returns float8
language sql strict set search_path = pg_catalog
as $$
    select extract(epoch from now() - s.data_timestamp)::float8
    from pgstream.pgs_stream_tables s
    join pgstream_emulator.split_name(name, 'public') n using (pgs_schema, pgs_name)
$$;

create function pgstream.get_refresh_history(name text, max_rows int default 20)
returns table (refresh_id bigint, data_timestamp timestamptz, start_time timestamptz, end_time timestamptz,
    action text, status text, rows_inserted bigint, rows_deleted bigint, duration_ms float8, error_message text)
language sql strict set search_path = pg_catalog
as $$
    select r.refresh_id, r.data_timestamp, r.start_time, r.end_time, r.action, r.status, r.rows_inserted,
           r.rows_deleted, (extract(epoch from r.end_time - r.start_time) * 1000)::float8, r.error_message
    from pgstream.pgs_refresh_history r
    join pgstream.pgs_stream_tables s using (pgs_id)
    join pgstream_emulator.split_name(name, 'public') n using (pgs_schema, pgs_name)
    order by r.refresh_id desc limit max_rows
$$;
