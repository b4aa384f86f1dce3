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

-- What is to be refreshed now, sources before their readers. A table that is ACTIVE and empty is filled.
create function pgstream_emulator.due_tables(cron_due bigint[] default '{}')
returns table (pgs_id bigint, name text)
language sql stable set search_path = pg_catalog
as $$
    select s.pgs_id, s.pgs_schema || '.' || s.pgs_name
    from pgstream.pgs_stream_tables s
    join pgstream_emulator.depths() d using (pgs_id)
    where s.status = 'ACTIVE' and pgstream_emulator.is_due(s, cron_due)
    order by d.depth, s.pgs_id
$$;

-- How many stream tables stand one upon the other below each.
create function pgstream_emulator.depths() returns table (pgs_id bigint, depth int)
language sql stable set search_path = pg_catalog
as $$
    with recursive below (pgs_id, depth) as (
        select s.pgs_id, 0 from pgstream.pgs_stream_tables s
        union -- each table once at each depth, not once for each path that leads there
        select d.pgs_id, b.depth + 1
        from below b
        join pgstream.pgs_stream_tables s on s.pgs_id = b.pgs_id
        join pgstream.pgs_dependencies d on d.source_relid = s.pgs_relid
        where b.depth < (select count(*) from pgstream.pgs_stream_tables) -- a view that is replaced can close a circle
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
    v_reason text;
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
    v_reason := pgstream_emulator.held_back_by(st);
    if v_reason is not null then
        perform pgstream_emulator.record(st, 'SKIP', 'SKIPPED', 0, 0, v_reason);
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

-- Both times are the transaction's, as the real engine's are. Only the latest of each table are kept.
create function pgstream_emulator.record(
    st pgstream.pgs_stream_tables, v_action text, v_status text, v_inserted bigint, v_deleted bigint, v_error text,
    v_by text default 'SCHEDULER')
returns void
language sql set search_path = pg_catalog
as $$
    insert into pgstream.pgs_refresh_history (pgs_id, data_timestamp, start_time, end_time, action, status,
        rows_inserted, rows_deleted, error_message, initiated_by, freshness_deadline)
    values (st.pgs_id, now(), now(), now(), v_action, v_status, v_inserted, v_deleted, v_error, v_by,
        coalesce(st.data_timestamp, now()) + make_interval(secs => pgstream_emulator.schedule_seconds(st.schedule)));
    delete from pgstream.pgs_refresh_history h
    where h.pgs_id = st.pgs_id and h.refresh_id <= (
        select o.refresh_id from pgstream.pgs_refresh_history o
        where o.pgs_id = st.pgs_id order by o.refresh_id desc offset 1000 limit 1)
$$;
