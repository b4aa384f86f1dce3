-- One whose source changed its columns is filled anew, whatever the schedule.
create function pgstream_emulator.is_due(st pgstream.pgs_stream_tables, cron_due bigint[]) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select not st.is_populated or st.needs_reinit or st.pgs_id = any (cron_due)
        or extract(epoch from now() - st.data_timestamp) > pgstream_emulator.schedule_seconds(st.schedule)
$$;

-- Nothing holds a refresh back that is due.
create function pgstream_emulator.held_back_by(st pgstream.pgs_stream_tables) returns text
language sql immutable
return null::text;
