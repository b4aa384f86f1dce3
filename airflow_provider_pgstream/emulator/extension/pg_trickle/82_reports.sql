-- A refresh of the scheduler that fails puts the table into ERROR at once, and is told nowhere but in the catalog.
-- Of the message a client can read what stands after `message: "`.
create function pgtrickle_emulator.record_failure(v_pgt_id bigint, v_error text) returns void
language sql set search_path = pg_catalog
as $$
    update pgtrickle.pgt_stream_tables s
    set status = 'ERROR', last_error_at = now(), updated_at = now(),
        last_error_message = format('ErrorReport { message: %s, hint: None, detail: None }', to_json(v_error))
    where s.pgt_id = v_pgt_id
$$;

create function pgtrickle_emulator.notify_of(st pgtrickle.pgt_stream_tables, v_event text, v_details json)
returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    if st.pooler_compatibility_mode then
        return;
    end if;
    perform pg_notify('pg_trickle_alert', (jsonb_build_object('event', v_event, 'pgt_schema', st.pgt_schema,
        'pgt_name', st.pgt_name, 'st', st.pgt_schema || '.' || st.pgt_name) || v_details::jsonb)::text);
    if v_details ->> 'action' = 'NO_DATA' then
        perform pgtrickle_emulator.notify_of(st, 'no_upstream_changes', json_build_object(
            'idle_seconds', round(extract(epoch from now() - st.data_timestamp), 1)));
    end if;
end
$$;
