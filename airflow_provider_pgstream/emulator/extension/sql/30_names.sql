-- Names are split at the first dot, with no unquoting and no case folding.
create function pgstream_emulator.split_name(
    name text, default_schema text, out pgs_schema text, out pgs_name text)
language sql immutable set search_path = pg_catalog
as $$
    select case when strpos(name, '.') > 0 then split_part(name, '.', 1) else default_schema end,
           case when strpos(name, '.') > 0 then substr(name, strpos(name, '.') + 1) else name end
$$;

create function pgstream_emulator.find(name text, default_schema text)
returns pgstream.pgs_stream_tables
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_found pgstream.pgs_stream_tables;
    v_schema text;
    v_name text;
begin
    select n.pgs_schema, n.pgs_name into v_schema, v_name
    from pgstream_emulator.split_name(name, default_schema) n;
    select s.* into v_found from pgstream.pgs_stream_tables s
    where s.pgs_schema = v_schema and s.pgs_name = v_name;
    if v_found.pgs_id is null then
        perform pgstream_emulator.refuse('NOT_FOUND', format('stream table not found: %s.%s', v_schema, v_name));
    end if;
    return v_found;
end
$$;

create function pgstream_emulator.status_word(status text) returns text
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    if upper(status) not in ('INITIALIZING', 'ACTIVE', 'SUSPENDED', 'ERROR') then
        perform pgstream_emulator.refuse('ARGUMENT', 'invalid argument: unknown status: ' || upper(status));
    end if;
    return upper(status);
end
$$;
