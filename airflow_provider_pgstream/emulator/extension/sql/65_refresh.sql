create type pgstream_emulator.changes as (changed boolean, truncated boolean);

create type pgstream_emulator.moment as (position pg_lsn, snapshot pg_snapshot, upstream_versions jsonb);

-- How far a refresh will have seen. It is taken first of all, before anybody looks for changes and before the
-- query runs: what commits in between is seen twice, never not at all. The message flushes: no later change can
-- have the position. What a transaction that is still open wrote before may have it, and who brought the snapshot
-- along must say which one belongs to it: then there is none.
create function pgstream_emulator.moment_of(st pgstream.pgs_stream_tables) returns pgstream_emulator.moment
language plpgsql set search_path = pg_catalog
as $$
declare
    v_moment pgstream_emulator.moment;
begin
    if current_setting('transaction_isolation') = 'read committed' then
        v_moment.position := pg_current_wal_lsn();
        perform pg_logical_emit_message(false, 'pgstream_emulator', '', true);
        if pgstream_emulator.others_write() then
            v_moment.position := null;
        end if;
    end if;
    v_moment.snapshot := pgstream_emulator.others_snapshot();
    v_moment.upstream_versions := pgstream_emulator.upstream_versions(st.pgs_id);
    return v_moment;
end
$$;

-- Whether another transaction that may have written is open. A snapshot's list would lack those that began after
-- the last one that has ended.
create function pgstream_emulator.others_write() returns boolean
language sql set search_path = pg_catalog
as $$
    select exists (
        select from pg_locks l
        where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.pid is distinct from pg_backend_pid())
$$;

-- What is seen of other transactions. The own one, which may write on, counts as one that is still open: in
-- PostgreSQL's word for a snapshot it is missing among those.
create function pgstream_emulator.others_snapshot() returns pg_snapshot
language sql set search_path = pg_catalog
as $$
    select format('%s:%s:%s', pg_snapshot_xmin(n.snapshot), pg_snapshot_xmax(n.snapshot),
        (select string_agg(o.xid::text, ',' order by o.xid)
         from (select pg_snapshot_xip(n.snapshot) as xid
               union
               select pg_current_xact_id_if_assigned()) o
         where o.xid < pg_snapshot_xmax(n.snapshot)))::pg_snapshot
    from (select pg_current_snapshot() as snapshot) n
$$;

-- The tables that a stream table reads and whose changes are captured, in one order.
create function pgstream_emulator.captured_sources(v_pgs_id bigint) returns setof oid
language sql stable set search_path = pg_catalog
as $$
    select d.source_relid from pgstream.pgs_dependencies d
    where d.pgs_id = v_pgs_id and d.source_type = 'TABLE' and pgstream_emulator.has_buffer(d.source_relid)
    order by d.source_relid
$$;

-- What has changed under a stream table since it was last refreshed.
create function pgstream_emulator.changes_of(st pgstream.pgs_stream_tables) returns pgstream_emulator.changes
language plpgsql set search_path = pg_catalog
as $$
declare
    v_changes pgstream_emulator.changes := (false, false);
    v_seen pgstream_emulator.seen;
    v_relid oid;
    v_changed boolean;
    v_truncated boolean;
begin
    select s.* into v_seen from pgstream_emulator.seen s where s.pgs_id = st.pgs_id;
    if v_seen.pgs_id is null or pgstream_emulator.upstream_changed(v_seen) then
        return (true, false);
    end if;
    for v_relid in select pgstream_emulator.captured_sources(st.pgs_id)
    loop
        select u.changed, u.truncated into v_changed, v_truncated
        from pgstream_emulator.unseen(v_relid, v_seen.snapshot) u;
        v_changes := (v_changes.changed or v_changed, v_changes.truncated or v_truncated);
    end loop;
    return v_changes;
end
$$;

-- What cannot be watched (a materialized view, a foreign table, a stream table that was dropped) counts as
-- changed each time.
create function pgstream_emulator.upstream_changed(v_seen pgstream_emulator.seen) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select exists (
        select from pgstream.pgs_dependencies d
        left join pgstream.pgs_stream_tables s on s.pgs_relid = d.source_relid
        left join pgstream_emulator.seen u on u.pgs_id = s.pgs_id
        where d.pgs_id = v_seen.pgs_id and d.source_type not in ('TABLE', 'VIEW')
          and (u.version is null or u.version is distinct from (v_seen.upstream_versions ->> u.pgs_id::text)::bigint))
$$;

create function pgstream_emulator.upstream_versions(v_pgs_id bigint) returns jsonb
language sql stable set search_path = pg_catalog
as $$
    select coalesce(jsonb_object_agg(u.pgs_id, u.version), '{}')
    from pgstream.pgs_dependencies d
    join pgstream.pgs_stream_tables s on s.pgs_relid = d.source_relid
    join pgstream_emulator.seen u on u.pgs_id = s.pgs_id
    where d.pgs_id = v_pgs_id
$$;

-- A stream table that reads none but stream tables never has one.
create function pgstream_emulator.has_frontier(st pgstream.pgs_stream_tables) returns boolean
language sql immutable set search_path = pg_catalog
as $$ select coalesce(st.frontier -> 'sources' <> '{}', false) $$;

-- How a table is refreshed after such changes: by writing ALL rows, the DIFFERENCES, or NOTHING.
create function pgstream_emulator.method(
    st pgstream.pgs_stream_tables, v_changes pgstream_emulator.changes)
returns text
language sql stable set search_path = pg_catalog
as $$
    select case
        when not v_changes.changed then 'NOTHING'
        when st.refresh_mode <> 'DIFFERENTIAL' or not pgstream_emulator.has_frontier(st) or v_changes.truncated then 'ALL'
        else 'DIFFERENCES' end
$$;

-- Refreshes by one of the methods, and notes what was taken in.
create function pgstream_emulator.refresh(
    st pgstream.pgs_stream_tables, v_moment pgstream_emulator.moment, v_method text)
returns pgstream_emulator.result
language plpgsql
as $$
declare
    v_result pgstream_emulator.result := (0, 0);
    v_began timestamptz := pg_catalog.clock_timestamp();
begin
    if v_method = 'DIFFERENCES' then
        v_result := pgstream_emulator.write_differences(st);
    elsif v_method = 'ALL' then
        v_result := pgstream_emulator.write_all(st);
    end if;
    if v_method = 'ALL' and st.refresh_mode = 'DIFFERENTIAL' then
        st.last_full_ms := extract(epoch from pg_catalog.clock_timestamp() - v_began) * 1000;
    end if;
    perform pgstream_emulator.move_frontier(st, v_moment);
    perform pgstream_emulator.note(st, v_moment,
        v_method = 'ALL' or v_result.rows_inserted + v_result.rows_deleted > 0);
    perform pgstream_emulator.after_refresh(st, v_method);
    return v_result;
end
$$;

create function pgstream_emulator.note(
    st pgstream.pgs_stream_tables, v_moment pgstream_emulator.moment, v_written boolean)
returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_relid oid;
begin
    insert into pgstream_emulator.seen as s (pgs_id, snapshot, upstream_versions)
    values (st.pgs_id, v_moment.snapshot, v_moment.upstream_versions)
    on conflict (pgs_id) do update set snapshot = v_moment.snapshot,
        upstream_versions = v_moment.upstream_versions, version = s.version + v_written::int;
    for v_relid in select pgstream_emulator.captured_sources(st.pgs_id)
    loop
        perform pgstream_emulator.trim_buffer(v_relid);
    end loop;
    update pgstream.pgs_stream_tables s
    set is_populated = true, last_refresh_at = now(), updated_at = now(),
        data_timestamp = case when v_written then now() else s.data_timestamp end,
        needs_reinit = false, consecutive_errors = 0, last_full_ms = st.last_full_ms,
        status = case when s.status in ('INITIALIZING', 'ERROR') then 'ACTIVE' else s.status end
    where s.pgs_id = st.pgs_id;
end
$$;

-- The frontier is what clients read and set; the emulator itself goes by `seen`, and of the frontier only by
-- whether there is one. Everything captured up to its positions must have been taken in, because clients remove
-- that: so it stays where it was while there is no such position, or while this transaction may write on.
create function pgstream_emulator.move_frontier(
    st pgstream.pgs_stream_tables, v_moment pgstream_emulator.moment)
returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_now text := extract(epoch from now())::bigint || 'Z';
    v_sources jsonb := '{}';
    v_relid oid;
    v_own_change boolean;
begin
    for v_relid in select pgstream_emulator.captured_sources(st.pgs_id)
    loop
        execute format('select exists (select from %s where xid = pg_current_xact_id())',
            pgstream_emulator.buffer(v_relid)) into v_own_change;
        v_sources := v_sources || jsonb_build_object(v_relid, jsonb_build_object(
            'lsn', case when v_moment.position is null or v_own_change
                then coalesce(st.frontier #>> array['sources', v_relid::text, 'lsn'], '0/0')
                else v_moment.position::text end,
            'snapshot_ts', v_now));
    end loop;
    update pgstream.pgs_stream_tables s
    set frontier = jsonb_build_object('sources', v_sources, 'data_timestamp', v_now)
    where s.pgs_id = st.pgs_id;
end
$$;
