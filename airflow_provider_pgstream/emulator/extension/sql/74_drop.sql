create function pgstream_emulator.drop_one(st pgstream.pgs_stream_tables) returns void
language plpgsql
as $$
declare
    v_sources oid[] := array(
        select d.source_relid from pgstream.pgs_dependencies d
        where d.pgs_id = st.pgs_id and d.source_type = 'TABLE' order by d.source_relid);
begin
    execute format('drop table if exists %I.%I cascade', st.pgs_schema, st.pgs_name);
    delete from pgstream.pgs_stream_tables s where s.pgs_id = st.pgs_id;
    perform pgstream_emulator.release_sources(v_sources);
    raise info 'Stream table %.% dropped (pgs_id=%)', st.pgs_schema, st.pgs_name, st.pgs_id;
end
$$;
