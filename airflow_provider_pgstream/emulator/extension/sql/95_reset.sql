-- Back to the state after `create extension`: for tests, between two of them. Sources stay.
create function pgstream_emulator.reset() returns void
language plpgsql set search_path = pg_catalog set client_min_messages = warning
as $$
declare
    v_relid regclass;
    v_source oid;
begin
    for v_relid in select s.pgs_relid::regclass from pgstream.pgs_stream_tables s
        join pg_class c on c.oid = s.pgs_relid
    loop
        if exists (select from pg_class where oid = v_relid) then -- it may have gone with another
            execute format('drop table %s cascade', v_relid);
        end if;
    end loop;
    for v_source in select c.source_relid from pgstream.pgs_change_tracking c loop
        perform pgstream_emulator.remove_capture(v_source);
    end loop;
    truncate pgstream.pgs_stream_tables, pgstream.pgs_dependencies, pgstream.pgs_refresh_history,
        pgstream.pgs_change_tracking, pgstream_emulator.seen restart identity;
end
$$;
