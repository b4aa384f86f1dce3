-- The triggers of a source write to one buffer, whoever reads it. The buffer says *that* a transaction
-- changed the source, once for each transaction: a refresh computes its query anew and needs no more.

create function pgstream_emulator.has_buffer(source_relid oid) returns boolean
language sql stable set search_path = pg_catalog
as $$ select to_regclass(pgstream_emulator.buffer(source_relid)) is not null $$;

-- The advisory lock that serialises those who create on one source, and those who drop there. The engine's
-- other locks are single small numbers.
create function pgstream_emulator.capture_key(source_relid oid) returns bigint
language sql immutable set search_path = pg_catalog
as $$ select (1::bigint << 40) + source_relid::bigint $$;

create function pgstream_emulator.start_capture(v_source_relid oid, v_pgs_id bigint) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    perform pg_advisory_xact_lock(pgstream_emulator.capture_key(v_source_relid));
    perform pgstream_emulator.track(v_source_relid, v_pgs_id);
    if not pgstream_emulator.has_buffer(v_source_relid) then
        perform pgstream_emulator.create_buffer(v_source_relid);
    end if;
    insert into pgstream_emulator.trimmed (source_relid, up_to) values (v_source_relid, '0') on conflict do nothing;
    if not pgstream_emulator.has_triggers(v_source_relid) then
        perform pgstream_emulator.create_triggers(v_source_relid);
    end if;
end
$$;

create function pgstream_emulator.create_buffer(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    execute format(
        'create table %s (
            change_id bigserial,
            lsn pg_lsn not null default pg_current_wal_lsn(),
            action char(1) not null,
            pk_hash bigint,
            xid xid8 not null default pg_current_xact_id())', pgstream_emulator.buffer(v_source_relid));
end
$$;

create function pgstream_emulator.stop_capture(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    perform pg_advisory_xact_lock(pgstream_emulator.capture_key(v_source_relid));
    delete from pgstream_emulator.trimmed where source_relid = v_source_relid; -- waits for who is trimming
    perform pgstream_emulator.drop_triggers(v_source_relid);
    delete from pgstream.pgs_change_tracking where source_relid = v_source_relid;
end
$$;

-- Whether a source has changes that a snapshot has not seen; `truncated`, whether a TRUNCATE is known among them.
-- One statement, or what is trimmed between two would be in neither.
create function pgstream_emulator.unseen(
    v_source_relid oid, v_snapshot pg_snapshot, out changed boolean, out truncated boolean)
language plpgsql set search_path = pg_catalog
as $$
begin
    execute format(
        'select count(*) > 0 or exists (select from pgstream_emulator.trimmed t
                    where t.source_relid = $2 and t.up_to >= pg_snapshot_xmin($1)),
                coalesce(bool_or(action = ''T''), false)
         from %s where not pg_visible_in_snapshot(xid, $1)', pgstream_emulator.buffer(v_source_relid))
    into changed, truncated using v_snapshot, v_source_relid;
end
$$;

-- The first transaction that a stream table which still reads the source may not have seen. One that is paused
-- holds nothing back.
create function pgstream_emulator.first_unseen(v_source_relid oid) returns xid8
language sql stable set search_path = pg_catalog
as $$
    select coalesce(min(pg_snapshot_xmin(s.snapshot)), pg_snapshot_xmin(pg_current_snapshot()))
    from pgstream.pgs_dependencies d
    join pgstream.pgs_stream_tables t using (pgs_id)
    join pgstream_emulator.seen s using (pgs_id)
    where d.source_relid = v_source_relid and t.status = 'ACTIVE'
$$;

-- Removes what every stream table that reads the source has seen, unless another session is at it. Under
-- REPEATABLE READ what others removed meanwhile would be an error: a later refresh does it.
create function pgstream_emulator.trim_buffer(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;
    perform from pgstream_emulator.trimmed t where t.source_relid = v_source_relid for update skip locked;
    -- Locking the rows needs UPDATE, which a refresh on the real engine does not: somebody else will trim.
    if not found or not has_table_privilege(pgstream_emulator.buffer(v_source_relid), 'update') then
        return;
    end if;
    execute format(
        'with gone as (
             delete from %1$s where ctid = any (array(
                 select b.ctid from %1$s b where b.xid < $2 for update skip locked)) returning xid)
         update pgstream_emulator.trimmed t set up_to = greatest(t.up_to, g.up_to)
         from (select max(xid) as up_to from gone) g
         where t.source_relid = $1 and g.up_to is not null', pgstream_emulator.buffer(v_source_relid))
    using v_source_relid, pgstream_emulator.first_unseen(v_source_relid);
end
$$;

-- For the scheduler: where all who read a source are paused, no refresh trims.
create function pgstream_emulator.trim_buffers() returns void
language sql set search_path = pg_catalog
as $$
    select pgstream_emulator.trim_buffer(t.source_relid) from pgstream_emulator.trimmed t order by t.source_relid
$$;
