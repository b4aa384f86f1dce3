-- A source's triggers and buffer bear a name made of its schema and name; the registry knows which.

create function pgtrickle.source_stable_name(source_oid oid) returns text
language sql strict set search_path = pg_catalog
as $$
    select lpad(to_hex(hashtextextended(n.nspname || '.' || c.relname, 0)), 16, '0')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = source_oid
$$;

create function pgtrickle_emulator.captured_name(v_source_relid oid) returns text
language sql stable set search_path = pg_catalog
as $$ select c.source_stable_name from pgtrickle.pgt_change_tracking c where c.source_relid = v_source_relid $$;

create function pgtrickle_emulator.buffer(source_relid oid) returns text
language sql stable set search_path = pg_catalog
as $$ select 'pgtrickle_changes.changes_' || pgtrickle_emulator.captured_name(source_relid) $$;

create function pgtrickle_emulator.track(v_source_relid oid, v_pgt_id bigint) returns void
language sql set search_path = pg_catalog
as $$
    insert into pgtrickle.pgt_change_tracking as c (source_relid, slot_name, tracked_by_pgt_ids, source_stable_name)
    select v_source_relid, 'pg_trickle_cdc_ins_' || n.name, array[v_pgt_id], n.name
    from pgtrickle.source_stable_name(v_source_relid) n (name)
    on conflict (source_relid) do update
        set tracked_by_pgt_ids = array_remove(c.tracked_by_pgt_ids, v_pgt_id) || v_pgt_id
$$;

create function pgtrickle_emulator.untrack(v_pgt_id bigint) returns void
language sql set search_path = pg_catalog
as $$
    update pgtrickle.pgt_change_tracking c set tracked_by_pgt_ids = array_remove(c.tracked_by_pgt_ids, v_pgt_id)
    where v_pgt_id = any (c.tracked_by_pgt_ids)
$$;

create function pgtrickle_emulator.has_triggers(v_source_relid oid) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select exists (
        select from pg_trigger t where t.tgrelid = v_source_relid
           and t.tgname = 'pg_trickle_cdc_ins_' || pgtrickle_emulator.captured_name(v_source_relid))
$$;

create function pgtrickle_emulator.capture_events()
returns table (word text, event text, action text, transition text)
language sql immutable set search_path = pg_catalog
as $$
    values ('ins', 'insert', 'I', 'new'), ('upd', 'update', 'U', 'new'), ('del', 'delete', 'D', 'old'),
        ('truncate', 'truncate', 'T', null)
$$;

create function pgtrickle_emulator.create_functions(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_name text := pgtrickle_emulator.captured_name(v_source_relid);
    v_event record;
begin
    for v_event in select * from pgtrickle_emulator.capture_events() loop
        execute format(
            'create or replace function pgtrickle_changes.pg_trickle_cdc_%s_fn_%s() returns trigger
             language plpgsql security definer set search_path = pg_catalog
             as $t$ begin insert into %s (action) select %L %s; return null; end $t$',
            v_event.word, v_name, pgtrickle_emulator.buffer(v_source_relid), v_event.action,
            pgtrickle_emulator.if_rows(v_source_relid, v_event.transition));
    end loop;
end
$$;

create function pgtrickle_emulator.create_triggers(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_name text := pgtrickle_emulator.captured_name(v_source_relid);
    v_event record;
begin
    perform pgtrickle_emulator.create_functions(v_source_relid);
    for v_event in select * from pgtrickle_emulator.capture_events() loop
        execute format(
            'create trigger pg_trickle_cdc_%1$s_%2$s after %3$s on %4$s %5$s for each statement
             execute function pgtrickle_changes.pg_trickle_cdc_%1$s_fn_%2$s()',
            v_event.word, v_name, v_event.event, v_source_relid::regclass,
            'referencing ' || v_event.transition || ' table as __pgt_' || v_event.transition);
    end loop;
end
$$;

-- The condition names every column, as the real engine's function does: so a column that is renamed makes every
-- write to the source fail with PostgreSQL's own error, until it is named back.
create function pgtrickle_emulator.if_rows(v_source_relid oid, transition text) returns text
language sql stable set search_path = pg_catalog
as $$
    select 'where exists (select ' || string_agg('n.' || quote_ident(a.attname), ', ' order by a.attnum)
        || ' from __pgt_' || transition || ' n)'
    from pg_attribute a
    where a.attrelid = v_source_relid and a.attnum > 0 and not a.attisdropped
$$;

-- The buffer stays behind, as the real engine's does.
create function pgtrickle_emulator.drop_triggers(v_source_relid oid) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_name text := pgtrickle_emulator.captured_name(v_source_relid);
    v_event record;
begin
    for v_event in select * from pgtrickle_emulator.capture_events() loop
        if exists (select from pg_class c where c.oid = v_source_relid) then
            execute format('drop trigger if exists pg_trickle_cdc_%s_%s on %s',
                v_event.word, v_name, v_source_relid::regclass);
        end if;
        execute format('drop function if exists pgtrickle_changes.pg_trickle_cdc_%s_fn_%s()', v_event.word, v_name);
    end loop;
end
$$;
