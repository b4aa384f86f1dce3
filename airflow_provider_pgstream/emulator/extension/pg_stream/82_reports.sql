-- After a refresh that failed, in a new transaction: counts the error, and suspends the table when it is
-- one too many.
create function pgstream_emulator.record_failure(v_pgs_id bigint, v_error text) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    st pgstream.pgs_stream_tables;
    v_action text;
begin
    update pgstream.pgs_stream_tables s
    set consecutive_errors = s.consecutive_errors + 1, updated_at = now(),
        status = case when s.consecutive_errors + 1 >= pgstream_emulator.setting('max_consecutive_errors')::int
            then 'SUSPENDED' else s.status end
    where s.pgs_id = v_pgs_id
    returning s.* into st;
    if st.pgs_id is null then
        return;
    end if;
    v_action := pgstream_emulator.action_word(st, 'ALL');
    perform pgstream_emulator.record(st, v_action, 'FAILED', 0, 0, v_error);
    perform pgstream_emulator.notify_of(st, 'refresh_failed', json_build_object('action', v_action, 'error', v_error));
    if st.status = 'SUSPENDED' then
        perform pgstream_emulator.notify_of(st, 'auto_suspended',
            json_build_object('consecutive_errors', st.consecutive_errors));
    end if;
end
$$;

-- Only quotes are escaped, and a long payload is cut: as from the real engine, not every one is valid JSON.
create function pgstream_emulator.notify_of(st pgstream.pgs_stream_tables, v_event text, v_details json)
returns void
language sql set search_path = pg_catalog
as $$
    select pg_notify('pg_stream_alert', pgstream_emulator.cut(format('{%s}', string_agg(format('"%s":%s', d.key,
        case when json_typeof(d.value) = 'number' then d.value::text
             else '"' || replace(d.value #>> '{}', '"', '\"') || '"' end), ',' order by d.number)), 7900))
    from (
        select e.key, e.value, e.ordinality as number
        from json_each(json_build_object('event', v_event, 'pgs_schema', st.pgs_schema, 'pgs_name', st.pgs_name,
            'st', st.pgs_schema || '.' || st.pgs_name)) with ordinality e
        union all
        select e.key, e.value, 100 + e.ordinality from json_each(v_details) with ordinality e) d
$$;

-- As many whole characters as fit: a payload of 8,000 bytes is refused, and would end the scheduler's turn.
create function pgstream_emulator.cut(input text, bytes int) returns text
language sql immutable set search_path = pg_catalog
as $$
    select string_agg(c.letter, '' order by c.number)
    from (
        select t.letter, t.number, sum(octet_length(t.letter)) over (order by t.number) as length
        from string_to_table(input, null) with ordinality t (letter, number)) c
    where c.length <= bytes
$$;
