-- The scheduler is a client process. It calls these, each in a transaction of its own, in database
-- `postgres`; what it must know of cron it computes itself.

create function pgstream_emulator.cron_tables()
returns table (pgs_id bigint, schedule text, since timestamptz)
language sql stable set search_path = pg_catalog
as $$
    select s.pgs_id, s.schedule, s.last_refresh_at
    from pgstream.pgs_stream_tables s
    where s.status = 'ACTIVE' and s.is_populated and pgstream_emulator.is_cron(s.schedule)
    order by s.pgs_id
$$;

-- What is to be refreshed now, sources before their readers. A table that is ACTIVE and empty is filled,
-- and one whose source changed its columns is filled anew, whatever the schedule.
create function pgstream_emulator.due_tables(cron_due bigint[] default '{}')
returns table (pgs_id bigint, name text)
language sql stable set search_path = pg_catalog
as $$
    select s.pgs_id, s.pgs_schema || '.' || s.pgs_name
    from pgstream.pgs_stream_tables s
    join pgstream_emulator.depths() d using (pgs_id)
    where s.status = 'ACTIVE'
      and (not s.is_populated or s.needs_reinit or s.pgs_id = any (cron_due)
           or extract(epoch from now() - s.data_timestamp) > pgstream_emulator.schedule_seconds(s.schedule))
    order by d.depth, s.pgs_id
$$;

-- How many stream tables stand one upon the other below each.
create function pgstream_emulator.depths() returns table (pgs_id bigint, depth int)
language sql stable set search_path = pg_catalog
as $$
    with recursive below (pgs_id, depth) as (
        select s.pgs_id, 0 from pgstream.pgs_stream_tables s
        union all
        select d.pgs_id, b.depth + 1
        from below b
        join pgstream.pgs_stream_tables s on s.pgs_id = b.pgs_id
        join pgstream.pgs_dependencies d on d.source_relid = s.pgs_relid
    )
    select b.pgs_id, max(b.depth)::int from below b group by b.pgs_id
$$;

-- The engine's word is the mode's, even where a DIFFERENTIAL table was written whole.
create function pgstream_emulator.action_word(st pgstream.pgs_stream_tables, v_method text) returns text
language sql immutable set search_path = pg_catalog
as $$
    select case when st.needs_reinit then 'REINITIALIZE' when v_method = 'NOTHING' then 'NO_DATA'
           else st.refresh_mode end
$$;

-- One refresh of one table: returns what was done, SKIP when another session is at it or the table is gone.
create function pgstream_emulator.scheduled_refresh(v_pgs_id bigint) returns text
language plpgsql
as $$
declare
    st pgstream.pgs_stream_tables;
    v_moment pgstream_emulator.moment;
    v_changes pgstream_emulator.changes := (true, false);
    v_method text;
    v_action text;
    v_result pgstream_emulator.result;
begin
    if not pg_catalog.pg_try_advisory_xact_lock(v_pgs_id) then
        return 'SKIP';
    end if;
    select s.* into st from pgstream.pgs_stream_tables s
    where s.pgs_id = v_pgs_id and s.status = 'ACTIVE' for update;
    if st.pgs_id is null then
        return 'SKIP';
    end if;
    v_moment := pgstream_emulator.moment_of(st);
    if st.is_populated and not st.needs_reinit then
        v_changes := pgstream_emulator.changes_of(st);
    end if;
    v_method := case when st.needs_reinit then 'ALL' else pgstream_emulator.method(st, v_changes) end;
    v_action := pgstream_emulator.action_word(st, v_method);
    v_result := pgstream_emulator.refresh(st, v_moment, v_method);
    if v_method = 'NOTHING' then -- such a turn leaves the frontier where it was, as the real engine's does
        update pgstream.pgs_stream_tables s set frontier = st.frontier where s.pgs_id = st.pgs_id;
    end if;
    perform pgstream_emulator.record(st, v_action, 'COMPLETED', v_result.rows_inserted, v_result.rows_deleted, null);
    perform pgstream_emulator.notify_of(st, 'refresh_completed', json_build_object(
        'action', v_action, 'rows_inserted', v_result.rows_inserted, 'rows_deleted', v_result.rows_deleted,
        'duration_ms', (extract(epoch from clock_timestamp() - now()) * 1000)::bigint));
    return v_action;
end
$$;

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

-- Both times are the transaction's, as the real engine's are.
create function pgstream_emulator.record(
    st pgstream.pgs_stream_tables, v_action text, v_status text, v_inserted bigint, v_deleted bigint, v_error text)
returns void
language sql set search_path = pg_catalog
as $$
    insert into pgstream.pgs_refresh_history (pgs_id, data_timestamp, start_time, end_time, action, status,
        rows_inserted, rows_deleted, error_message, initiated_by, freshness_deadline)
    values (st.pgs_id, now(), now(), now(), v_action, v_status, v_inserted, v_deleted, v_error, 'SCHEDULER',
        coalesce(st.data_timestamp, now()) + make_interval(secs => pgstream_emulator.schedule_seconds(st.schedule)))
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
