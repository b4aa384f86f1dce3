create function pgstream.drop_stream_table(name text) returns void
language plpgsql strict
as $$
declare
    st pgstream.pgs_stream_tables;
    v_sources oid[];
begin
    st := pgstream_emulator.find(name, current_schema()::text);
    v_sources := array(select d.source_relid from pgstream.pgs_dependencies d
        where d.pgs_id = st.pgs_id and d.source_type = 'TABLE' order by d.source_relid);
    execute format('drop table if exists %I.%I cascade', st.pgs_schema, st.pgs_name);
    delete from pgstream.pgs_stream_tables s where s.pgs_id = st.pgs_id;
    perform pgstream_emulator.release_sources(v_sources);
    raise info 'Stream table %.% dropped (pgs_id=%)', st.pgs_schema, st.pgs_name, st.pgs_id;
end
$$;
