-- A refresh that found nothing to do advances the time of the data, too.
create function pgstream_emulator.after_refresh(st pgstream.pgs_stream_tables, v_method text) returns void
language sql set search_path = pg_catalog
as $$ update pgstream.pgs_stream_tables s set data_timestamp = now() where s.pgs_id = st.pgs_id $$;

create function pgstream_emulator.fresh_as_of(st pgstream.pgs_stream_tables) returns timestamptz
language sql immutable
return st.data_timestamp;
