-- Its locks are the transaction's. Where somebody else refreshes, nothing happens, and the call succeeds.
create function pgtrickle.refresh_stream_table(name text) returns void
language plpgsql strict
as $$
declare
    st pgtrickle.pgt_stream_tables;
begin
    st := pgtrickle_emulator.find(name, current_schema()::text);
    perform pgtrickle_emulator.check_owner(st);
    perform pgtrickle_emulator.check_status(st);
    if pg_catalog.pg_try_advisory_xact_lock(st.pgt_id) then
        select s.* into st from pgtrickle.pgt_stream_tables s where s.pgt_id = st.pgt_id for update skip locked;
        if found then
            perform pgtrickle_emulator.refresh_by_hand(st);
            return;
        end if;
        perform pgtrickle_emulator.find(name, current_schema()::text); -- dropped meanwhile
    end if;
    st := pgtrickle_emulator.find(name, current_schema()::text);
    raise notice 'refresh skipped: %.% — another refresh is already in progress', st.pgt_schema, st.pgt_name;
end
$$;

create function pgtrickle_emulator.check_status(st pgtrickle.pgt_stream_tables) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    if st.status in ('SUSPENDED', 'ERROR') then
        perform pgtrickle_emulator.refuse('ARGUMENT', format(
            'invalid argument: stream table %1$s.%2$s is %3$s ; use pgtrickle.resume_stream_table(''%1$s.%2$s'') first',
            st.pgt_schema, st.pgt_name, case st.status when 'SUSPENDED' then 'suspended' else 'in error state' end));
    end if;
end
$$;

create function pgtrickle_emulator.refresh_by_hand(st pgtrickle.pgt_stream_tables) returns void
language plpgsql
as $$
declare
    v_moment pgtrickle_emulator.moment := pgtrickle_emulator.moment_of(st);
    v_changes pgtrickle_emulator.changes;
    v_result pgtrickle_emulator.result;
begin
    if st.needs_reinit then
        raise info 'Stream table %.%: needs_reinit is set, performing FULL reinitialization', st.pgt_schema, st.pgt_name;
        st.defining_query := pgtrickle_emulator.query_of_today(st);
    elsif st.refresh_mode = 'DIFFERENTIAL' and st.frontier is null then
        raise info 'Stream table %.%: no previous frontier, performing FULL refresh first', st.pgt_schema, st.pgt_name;
    end if;
    if st.needs_reinit or st.refresh_mode <> 'DIFFERENTIAL' or not pgtrickle_emulator.has_frontier(st) then
        v_result := pgtrickle_emulator.refresh(st, v_moment, 'ALL');
        perform pgtrickle_emulator.record(st, 'FULL', 'COMPLETED', v_result.rows_inserted, 0, null, 'MANUAL');
        raise info 'Stream table %.% refreshed (FULL)', st.pgt_schema, st.pgt_name;
        return;
    end if;
    v_changes := pgtrickle_emulator.changes_of(st);
    if v_changes.truncated then
        raise info '[pg_trickle] Source table TRUNCATE detected — falling back to FULL refresh for %.%',
            st.pgt_schema, st.pgt_name;
    end if;
    v_result := pgtrickle_emulator.refresh(st, v_moment, pgtrickle_emulator.method(st, v_changes));
    perform pgtrickle_emulator.record(
        st, 'DIFFERENTIAL', 'COMPLETED', v_result.rows_inserted, v_result.rows_deleted, null, 'MANUAL');
    raise info 'Stream table %.% refreshed (%: +% -%)', st.pgt_schema, st.pgt_name,
        case when st.topk_limit is null then 'DIFFERENTIAL' else 'TopK MERGE' end,
        v_result.rows_inserted, v_result.rows_deleted;
end
$$;

-- A view that was replaced has another text now.
create function pgtrickle_emulator.query_of_today(st pgtrickle.pgt_stream_tables) returns text
language plpgsql
as $$
declare
    v_query text := st.defining_query;
begin
    if st.original_query is not null then
        v_query := pgtrickle_emulator.inline_views(st.original_query);
        update pgtrickle.pgt_stream_tables s set defining_query = v_query where s.pgt_id = st.pgt_id;
    end if;
    return v_query;
end
$$;
