-- The lock is the session's, as the real engine's is: a refresh that fails leaves it there, and other
-- sessions are refused until this one ends or unlocks.
create function pgstream.refresh_stream_table(name text) returns void
language plpgsql strict
as $$
declare
    st pgstream.pgs_stream_tables;
begin
    st := pgstream_emulator.find(name, current_schema()::text);
    if st.status = 'SUSPENDED' then
        perform pgstream_emulator.refuse('ARGUMENT', format(
            'invalid argument: stream table %s.%s is suspended; use pgstream.resume_stream_table() first',
            st.pgs_schema, st.pgs_name));
    end if;
    if not pg_catalog.pg_try_advisory_lock(st.pgs_id) then
        perform pgstream_emulator.refuse('BUSY', format(
            'refresh skipped: %s.%s — another refresh is already in progress', st.pgs_schema, st.pgs_name));
    end if;
    -- The lock is given back before the transaction ends: who comes next waits for that here.
    select s.* into st from pgstream.pgs_stream_tables s where s.pgs_id = st.pgs_id for update;
    if not found then
        perform pgstream_emulator.find(name, current_schema()::text); -- dropped meanwhile
    end if;
    perform pgstream_emulator.refresh_by_hand(st);
    perform pg_catalog.pg_advisory_unlock(st.pgs_id);
end
$$;

create function pgstream_emulator.refresh_by_hand(st pgstream.pgs_stream_tables) returns void
language plpgsql
as $$
declare
    v_moment pgstream_emulator.moment := pgstream_emulator.moment_of(st);
    v_changes pgstream_emulator.changes;
    v_result pgstream_emulator.result;
begin
    if st.refresh_mode = 'FULL' or not pgstream_emulator.has_frontier(st) then
        if st.refresh_mode <> 'FULL' then
            raise info 'Stream table %.%: no previous frontier, performing FULL refresh first',
                st.pgs_schema, st.pgs_name;
        end if;
        perform pgstream_emulator.refresh(st, v_moment, 'ALL');
        raise info 'Stream table %.% refreshed (FULL)', st.pgs_schema, st.pgs_name;
        return;
    end if;
    v_changes := pgstream_emulator.changes_of(st);
    if v_changes.truncated then
        raise info '[pg_stream] Source table TRUNCATE detected — falling back to FULL refresh for %.%',
            st.pgs_schema, st.pgs_name;
    end if;
    v_result := pgstream_emulator.refresh(st, v_moment, pgstream_emulator.method(st, v_changes));
    raise info 'Stream table %.% refreshed (DIFFERENTIAL: +% -%)', st.pgs_schema, st.pgs_name,
        v_result.rows_inserted, v_result.rows_deleted;
end
$$;
