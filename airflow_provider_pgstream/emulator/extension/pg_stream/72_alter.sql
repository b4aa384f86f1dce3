create function pgstream.alter_stream_table(
    name text, schedule text default null, refresh_mode text default null, status text default null)
returns void
language plpgsql
as $$
declare
    st pgstream.pgs_stream_tables;
begin
    perform pgstream_emulator.check_arguments(name, '', '', true);
    st := pgstream_emulator.find(name, current_schema()::text);
    perform pgstream_emulator.check_schedule(schedule);
    update pgstream.pgs_stream_tables s
    set schedule = coalesce(trim(alter_stream_table.schedule), s.schedule),
        refresh_mode = case when alter_stream_table.refresh_mode is null then s.refresh_mode
            else pgstream_emulator.mode_word(alter_stream_table.refresh_mode) end,
        status = case when alter_stream_table.status is null then s.status
            else pgstream_emulator.status_word(alter_stream_table.status) end,
        -- Resuming forgives.
        consecutive_errors = case when upper(alter_stream_table.status) = 'ACTIVE' then 0
            else s.consecutive_errors end,
        updated_at = now()
    where s.pgs_id = st.pgs_id;
end
$$;
