create function pgstream_emulator.column_snapshot(v_relid oid) returns jsonb
language sql stable set search_path = pg_catalog
as $$
    select jsonb_agg(jsonb_build_object('name', a.attname, 'ordinal', a.attnum, 'type_oid', a.atttypid::bigint)
                     order by a.attnum)
    from pg_attribute a
    where a.attrelid = v_relid and a.attnum > 0 and not a.attisdropped
$$;

create function pgstream_emulator.source_type(v_relid oid) returns text
language sql stable set search_path = pg_catalog
as $$
    select case
        when exists (select from pgstream.pgs_stream_tables s where s.pgs_relid = v_relid) then 'STREAM_TABLE'
        when c.relkind = 'v' then 'VIEW'
        when c.relkind = 'm' then 'MATVIEW'
        when c.relkind = 'f' then 'FOREIGN_TABLE'
        else 'TABLE' end
    from pg_class c where c.oid = v_relid
$$;

create function pgstream_emulator.add_dependencies(v_pgs_id bigint, v_refresh_mode text, v_relids oid[])
returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_source pgstream.pgs_dependencies;
begin
    insert into pgstream.pgs_dependencies (
        pgs_id, source_relid, source_type, columns_used, column_snapshot, schema_fingerprint)
    select v_pgs_id, r.relid, t.source_type,
        case when t.source_type <> 'VIEW' and v_refresh_mode = 'DIFFERENTIAL' then
            array(select e ->> 'name' from jsonb_array_elements(c.snapshot) e order by 1) end,
        case when t.source_type = 'TABLE' then c.snapshot end,
        case when t.source_type = 'TABLE' then encode(sha256(c.snapshot::text::bytea), 'hex') end
    from unnest(v_relids) r (relid),
        pgstream_emulator.source_type(r.relid) t (source_type),
        pgstream_emulator.column_snapshot(r.relid) c (snapshot);
    -- In one order, so that two creations never wait for each other.
    for v_source in select d.* from pgstream.pgs_dependencies d
        where d.pgs_id = v_pgs_id and d.source_type = 'TABLE' and v_refresh_mode <> 'IMMEDIATE'
        order by d.source_relid
    loop
        perform pgstream_emulator.start_capture(v_source.source_relid, v_pgs_id);
    end loop;
end
$$;

-- Stops capturing where nobody is left to read.
create function pgstream_emulator.release_sources(v_relids oid[]) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_relid oid;
begin
    foreach v_relid in array v_relids loop
        if not exists (select from pgstream.pgs_dependencies d where d.source_relid = v_relid) then
            perform pgstream_emulator.stop_capture(v_relid);
        end if;
    end loop;
end
$$;

-- A stream table, and all that read it, directly or not.
create function pgstream_emulator.with_dependents(v_ids bigint[]) returns bigint[]
language sql stable set search_path = pg_catalog
as $$
    with recursive found (pgs_id) as (
        select unnest(v_ids)
        union
        select d.pgs_id
        from found f
        join pgstream.pgs_stream_tables s on s.pgs_id = f.pgs_id
        join pgstream.pgs_dependencies d on d.source_relid = s.pgs_relid
    )
    select array(select pgs_id from found)
$$;
