-- One trigger per source writes to one buffer, whoever reads it. The buffer says *that* a transaction
-- changed the source, once for each transaction: a refresh computes its query anew and needs no more.

create function pgstream_emulator.buffer(source_relid oid) returns text
language sql immutable set search_path = pg_catalog
as $$ select 'pgstream_changes.changes_' || source_relid $$;

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
    if not pgstream_emulator.has_buffer(v_source_relid) then
        perform pgstream_emulator.create_buffer(v_source_relid);
    end if;
    if not exists (select from pg_trigger t where t.tgrelid = v_source_relid
                   and t.tgname = 'pg_stream_cdc_' || v_source_relid) then
        perform pgstream_emulator.create_triggers(v_source_relid);
    end if;
    insert into pgstream.pgs_change_tracking as c (source_relid, slot_name, tracked_by_pgs_ids)
    values (v_source_relid, 'pg_stream_cdc_' || v_source_relid, array[v_pgs_id])
    on conflict (source_relid) do update set tracked_by_pgs_ids = c.tracked_by_pgs_ids || v_pgs_id;
end
$$;

create function pgstream_emulator.create_buffer(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    execute format(
        'create table %s (
            change_id bigserial,
            lsn pg_lsn not null default pg_current_wal_insert_lsn(),
            action char(1) not null,
            pk_hash bigint,
            xid xid8 not null default pg_current_xact_id())', pgstream_emulator.buffer(v_source_relid));
end
$$;

-- The condition of the row trigger is true for the first row that a transaction changes, and sets the mark
-- that makes it false for all that follow: a bulk load pays for reading a setting, not for a trigger. The
-- mark goes when the transaction ends, and with a savepoint that is rolled back, as the captured row does.
create function pgstream_emulator.create_triggers(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_function text := 'pgstream_changes.pg_stream_cdc_fn_' || v_source_relid;
    v_truncate_function text := 'pgstream_changes.pg_stream_cdc_truncate_fn_' || v_source_relid;
    v_mark text := 'pgstream_emulator.captured_' || v_source_relid;
begin
    execute pgstream_emulator.row_function(v_source_relid, v_function);
    execute format($f$
        create or replace function %s() returns trigger language plpgsql as $t$
        begin
            insert into %s (action) values ('T');
            return null;
        end $t$ $f$, v_truncate_function, pgstream_emulator.buffer(v_source_relid));
    execute format(
        'create trigger %I after insert or update or delete on %s for each row
         when (current_setting(%L, true) is distinct from ''on'' and set_config(%L, ''on'', true) = ''on'')
         execute function %s()',
        'pg_stream_cdc_' || v_source_relid, v_source_relid::regclass, v_mark, v_mark, v_function);
    execute format('create trigger %I after truncate on %s for each statement execute function %s()',
        'pg_stream_cdc_truncate_' || v_source_relid, v_source_relid::regclass, v_truncate_function);
end
$$;

-- The function names every column, as the real engine's does: so a column that is renamed or dropped makes
-- every write to the source fail with PostgreSQL's own error, until it is named back.
create function pgstream_emulator.row_function(v_source_relid oid, v_function text) returns text
language sql stable set search_path = pg_catalog
as $$
    select format($f$
        create or replace function %s() returns trigger language plpgsql as $t$
        begin
            if tg_op = 'DELETE' then
                perform %s;
            else
                perform %s;
            end if;
            insert into %s (action) values (left(tg_op, 1));
            return null;
        end $t$ $f$,
        v_function,
        string_agg('old.' || quote_ident(a.attname), ', ' order by a.attnum),
        string_agg('new.' || quote_ident(a.attname), ', ' order by a.attnum),
        pgstream_emulator.buffer(v_source_relid))
    from pg_attribute a
    where a.attrelid = v_source_relid and a.attnum > 0 and not a.attisdropped
$$;

create function pgstream_emulator.stop_capture(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    perform pg_advisory_xact_lock(pgstream_emulator.capture_key(v_source_relid));
    -- A source that is gone has no name but its number: this is where the real engine fails, too.
    execute format('drop trigger if exists pg_stream_cdc_%s on %s', v_source_relid, v_source_relid::regclass);
    execute format('drop trigger if exists pg_stream_cdc_truncate_%s on %s', v_source_relid, v_source_relid::regclass);
    execute format('drop function if exists pgstream_changes.pg_stream_cdc_fn_%s()', v_source_relid);
    execute format('drop function if exists pgstream_changes.pg_stream_cdc_truncate_fn_%s()', v_source_relid);
    execute format('drop table if exists %s', pgstream_emulator.buffer(v_source_relid));
    delete from pgstream.pgs_change_tracking where source_relid = v_source_relid;
end
$$;

-- Whether the buffer holds anything that a snapshot has not seen; `truncated`, whether a TRUNCATE is in it.
create function pgstream_emulator.unseen(
    v_source_relid oid, v_snapshot pg_snapshot, out changed boolean, out truncated boolean)
language plpgsql set search_path = pg_catalog
as $$
begin
    execute format(
        'select count(*) > 0, coalesce(bool_or(action = ''T''), false) from %s
         where not pg_visible_in_snapshot(xid, $1)', pgstream_emulator.buffer(v_source_relid))
    into changed, truncated using v_snapshot;
end
$$;

-- Removes what every stream table on the source has seen. Not while one is being created, which nobody else
-- sees yet. Rows that another session is removing are left to it; under REPEATABLE READ those would be an
-- error, and a later refresh does it.
create function pgstream_emulator.trim_buffer(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed'
        -- Locking the rows needs UPDATE, which a refresh on the real engine does not: somebody else will trim.
        or not has_table_privilege(pgstream_emulator.buffer(v_source_relid), 'update')
        or not pg_try_advisory_xact_lock_shared(pgstream_emulator.capture_key(v_source_relid))
    then
        return;
    end if;
    execute format(
        'delete from %1$s where ctid = any (array(
             select b.ctid from %1$s b
             where not exists (
                 select from pgstream.pgs_dependencies d join pgstream_emulator.seen s using (pgs_id)
                 where d.source_relid = $1 and not pg_visible_in_snapshot(b.xid, s.snapshot))
             for update skip locked))', pgstream_emulator.buffer(v_source_relid))
    using v_source_relid;
end
$$;
