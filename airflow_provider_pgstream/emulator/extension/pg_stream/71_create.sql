create function pgstream.create_stream_table(
    name text,
    query text,
    schedule text default '1m',
    refresh_mode text default 'DIFFERENTIAL',
    initialize boolean default true)
returns void
language plpgsql
as $$
declare
    v_mode text;
    st pgstream.pgs_stream_tables;
begin
    perform pgstream_emulator.check_arguments(name, query, refresh_mode, initialize);
    perform pgstream_emulator.check_schedule(schedule);
    v_mode := pgstream_emulator.mode_word(refresh_mode);
    st := pgstream_emulator.create_empty(name, query, schedule, v_mode);
    if initialize then
        perform pgstream_emulator.populate(st);
    end if;
    raise info 'Stream table %.% created (pgs_id=%, mode=%, initialized=%)',
        st.pgs_schema, st.pgs_name, st.pgs_id, v_mode, initialize::text;
end
$$;

-- The first filling leaves no frontier: the next refresh is a FULL one, as the real engine's is.
create function pgstream_emulator.populate(st pgstream.pgs_stream_tables) returns void
language plpgsql
as $$
begin
    perform pgstream_emulator.refresh(st, pgstream_emulator.moment_of(st), 'ALL');
    update pgstream.pgs_stream_tables s set frontier = null where s.pgs_id = st.pgs_id;
end
$$;
