-- One trigger per source captures its rows, and one a TRUNCATE.

create function pgstream_emulator.buffer(source_relid oid) returns text
language sql immutable set search_path = pg_catalog
as $$ select 'pgstream_changes.changes_' || source_relid $$;

create function pgstream_emulator.track(v_source_relid oid, v_pgs_id bigint) returns void
language sql set search_path = pg_catalog
as $$
    insert into pgstream.pgs_change_tracking as c (source_relid, slot_name, tracked_by_pgs_ids)
    values (v_source_relid, 'pg_stream_cdc_' || v_source_relid, array[v_pgs_id])
    on conflict (source_relid) do update set tracked_by_pgs_ids = c.tracked_by_pgs_ids || v_pgs_id
$$;

create function pgstream_emulator.has_triggers(v_source_relid oid) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select exists (
        select from pg_trigger t where t.tgrelid = v_source_relid and t.tgname = 'pg_stream_cdc_' || v_source_relid)
$$;

-- The condition of the row trigger is true for the first row that a transaction changes, and sets the mark
-- that makes it false for all that follow: a bulk load pays for reading a setting, not for a trigger. The
-- mark goes when the transaction ends, and with a savepoint that is rolled back, as the captured row does. It
-- bears the buffer's number: one that was dropped and created anew within the transaction knows no change.
create function pgstream_emulator.create_triggers(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_function text := 'pgstream_changes.pg_stream_cdc_fn_' || v_source_relid;
    v_truncate_function text := 'pgstream_changes.pg_stream_cdc_truncate_fn_' || v_source_relid;
    v_mark text := 'pgstream_emulator.captured_' || pgstream_emulator.buffer(v_source_relid)::regclass::oid;
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

create function pgstream_emulator.drop_triggers(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    -- A source that is gone has no name but its number: this is where the real engine fails, too.
    execute format('drop trigger if exists pg_stream_cdc_%s on %s', v_source_relid, v_source_relid::regclass);
    execute format('drop trigger if exists pg_stream_cdc_truncate_%s on %s', v_source_relid, v_source_relid::regclass);
    execute format('drop function if exists pgstream_changes.pg_stream_cdc_fn_%s()', v_source_relid);
    execute format('drop function if exists pgstream_changes.pg_stream_cdc_truncate_fn_%s()', v_source_relid);
    execute format('drop table if exists %s', pgstream_emulator.buffer(v_source_relid));
end
$$;
