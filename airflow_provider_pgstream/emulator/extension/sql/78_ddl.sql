-- Event triggers. They run as the owner, because whoever changes a table of his own needs no rights here.

create function pgstream._on_sql_drop() returns event_trigger
language plpgsql security definer set search_path = pg_catalog
as $$
declare
    v_dropped oid[] := array(
        select distinct o.objid from pg_event_trigger_dropped_objects() o
        where o.classid = 'pg_class'::regclass and o.objsubid = 0);
begin
    if not exists (select from pg_class where oid = to_regclass('pgstream.pgs_stream_tables')) then
        return; -- the extension itself is going
    end if;
    update pgstream.pgs_stream_tables s
    set status = 'ERROR', updated_at = now()
    where s.pgs_id = any (pgstream_emulator.readers_of(array(
        select d.source_relid from pgstream.pgs_dependencies d
        where d.source_relid = any (v_dropped) and d.source_type <> 'STREAM_TABLE')));
    delete from pgstream.pgs_stream_tables s where s.pgs_relid = any (v_dropped);
end
$$;

create function pgstream._on_ddl_end() returns event_trigger
language plpgsql security definer set search_path = pg_catalog
as $$
declare
    v_changed oid[] := array(
        select distinct c.objid from pg_event_trigger_ddl_commands() c
        where c.classid = 'pg_class'::regclass and c.command_tag ~ '^(ALTER|CREATE VIEW)'
          and c.objsubid = 0 -- a renamed column goes unnoticed, as in the real engine, until a write fails
          and exists (select from pgstream.pgs_dependencies d where d.source_relid = c.objid));
begin
    if cardinality(v_changed) = 0 then
        return;
    end if;
    update pgstream.pgs_stream_tables s
    set needs_reinit = true, updated_at = now()
    where s.pgs_id = any (pgstream_emulator.with_dependents(array(
        select d.pgs_id from pgstream.pgs_dependencies d
        where d.source_relid = any (v_changed)
          and (d.source_type = 'VIEW'
               or d.column_snapshot is distinct from pgstream_emulator.column_snapshot(d.source_relid)))));
end
$$;

create event trigger pg_stream_drop_tracker on sql_drop execute function pgstream._on_sql_drop();
create event trigger pg_stream_ddl_tracker on ddl_command_end execute function pgstream._on_ddl_end();
