create function pgtrickle.resume_stream_table(name text) returns void
language plpgsql strict
as $$
declare
    st pgtrickle.pgt_stream_tables := pgtrickle_emulator.find(name, current_schema()::text);
begin
    perform pgtrickle_emulator.check_owner(st);
    if st.status not in ('SUSPENDED', 'ERROR') then
        perform pgtrickle_emulator.refuse('ARGUMENT', format(
            'invalid argument: stream table %s.%s is not suspended or in error state (current status: %s)',
            st.pgt_schema, st.pgt_name, st.status));
    end if;
    perform pgtrickle_emulator.forgive(st);
    perform pgtrickle_emulator.notify_of(st, 'resumed', json_build_object('previous_status', st.status));
    raise info 'Stream table %.% resumed (pgt_id=%)', st.pgt_schema, st.pgt_name, st.pgt_id;
end
$$;

-- The next refresh, in the same transaction or later, is a full one.
create function pgtrickle.repair_stream_table(name text) returns text
language plpgsql strict
as $$
declare
    st pgtrickle.pgt_stream_tables := pgtrickle_emulator.find(name, current_schema()::text);
begin
    perform pgtrickle_emulator.check_owner(st);
    perform pgtrickle_emulator.forgive(st);
    update pgtrickle.pgt_stream_tables s set frontier = null, needs_reinit = true, is_populated = false
    where s.pgt_id = st.pgt_id;
    return format('repair_stream_table(%s.%s): the next refresh is a full one; status ACTIVE', st.pgt_schema, st.pgt_name);
end
$$;
