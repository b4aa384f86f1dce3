-- Event triggers. They run as whoever changes the table, as the real engine's do: a role without USAGE on
-- schema `pgstream` and SELECT on its tables can neither alter nor drop any table, its own included.

create function pgstream._on_sql_drop() returns event_trigger
language plpgsql set search_path = pg_catalog
as $$
declare
    v_dropped oid[] := array(
        select distinct o.objid from pg_event_trigger_dropped_objects() o
        where o.classid = 'pg_class'::regclass and o.objsubid = 0);
begin
    if to_regclass('pgstream.pgs_stream_tables') is null then
        return; -- the extension itself is going
    end if;
    if exists (select from pgstream.pgs_dependencies d
               where d.source_relid = any (v_dropped) and d.source_type <> 'STREAM_TABLE') then
        perform pgstream_emulator.lose_sources(v_dropped);
    end if;
    if exists (select from pgstream.pgs_stream_tables s where s.pgs_relid = any (v_dropped)) then
        delete from pgstream.pgs_stream_tables s where s.pgs_relid = any (v_dropped);
    end if;
end
$$;

create function pgstream_emulator.lose_sources(v_relids oid[]) returns void
language sql set search_path = pg_catalog
as $$
    update pgstream.pgs_stream_tables s
    set status = 'ERROR', updated_at = now()
    where s.pgs_id = any (pgstream_emulator.with_dependents(array(
        select d.pgs_id from pgstream.pgs_dependencies d
        where d.source_relid = any (v_relids) and d.source_type <> 'STREAM_TABLE')))
$$;

create function pgstream._on_ddl_end() returns event_trigger
language plpgsql set search_path = pg_catalog
as $$
declare
    -- A renamed column is an object within a table: it goes unnoticed, as in the real engine, until a write fails.
    v_changed oid[] := array(
        select c.objid from pg_event_trigger_ddl_commands() c
        where c.objsubid = 0 and c.command_tag in ('ALTER TABLE', 'ALTER VIEW', 'CREATE VIEW', 'CREATE FUNCTION'));
begin
    if cardinality(v_changed) = 0 then
        return;
    end if;
    if exists (select from pgstream.pgs_dependencies d where d.source_relid = any (v_changed)) then
        perform pgstream_emulator.check_source_ddl(v_changed);
        perform pgstream_emulator.mark_readers(v_changed);
        perform pgstream_emulator.follow_columns(v_changed);
    end if;
end
$$;

-- A setting forbids what would otherwise mark the readers; a renamed column goes unnoticed here, too.
create function pgstream_emulator.check_source_ddl(v_relids oid[]) returns void
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_source text := (
        select n.nspname || '.' || c.relname
        from pgstream.pgs_dependencies d
        join pg_class c on c.oid = d.source_relid
        join pg_namespace n on n.oid = c.relnamespace
        where d.source_relid = any (v_relids) and d.source_type = 'TABLE'
          and d.column_snapshot is distinct from pgstream_emulator.column_snapshot(d.source_relid)
        order by c.oid limit 1);
begin
    if v_source is not null and pgstream_emulator.setting('block_source_ddl')::boolean then
        raise exception '%', pgstream_emulator.blocked_ddl(v_source) using errcode = 'internal_error';
    end if;
end
$$;

create function pgstream_emulator.mark_readers(v_relids oid[]) returns void
language sql set search_path = pg_catalog
as $$
    update pgstream.pgs_stream_tables s
    set needs_reinit = true, updated_at = now()
    where s.pgs_id = any (pgstream_emulator.with_dependents(array(
        select d.pgs_id from pgstream.pgs_dependencies d
        where d.source_relid = any (v_relids)
          and (d.source_type = 'VIEW'
               or d.column_snapshot is distinct from pgstream_emulator.column_snapshot(d.source_relid)))))
$$;

create event trigger pg_stream_drop_tracker on sql_drop execute function pgstream._on_sql_drop();
create event trigger pg_stream_ddl_tracker on ddl_command_end execute function pgstream._on_ddl_end();
