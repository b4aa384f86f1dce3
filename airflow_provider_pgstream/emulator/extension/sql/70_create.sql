-- Makes an empty stream table of arguments that were checked before.
create function pgstream_emulator.create_empty(name text, query text, schedule text, v_mode text)
returns pgstream.pgs_stream_tables
language plpgsql
as $$
declare
    v_schema text;
    v_name text;
    v_query text;
    v_analysis pgstream_emulator.analysis;
    st pgstream.pgs_stream_tables;
begin
    select n.pgs_schema, n.pgs_name into v_schema, v_name
    from pgstream_emulator.split_name(name, current_schema()::text) n;
    perform pgstream_emulator.check_syntax(query);
    v_query := pgstream_emulator.inline_views(query);
    v_analysis := pgstream_emulator.analyze(v_query);
    perform pgstream_emulator.check_query(query, v_mode, v_analysis);
    perform pgstream_emulator.check_new(v_schema, v_name);

    insert into pgstream.pgs_stream_tables as s (pgs_relid, pgs_schema, pgs_name, defining_query, original_query,
        schedule, refresh_mode, functions_used)
    values (
        pgstream_emulator.create_storage(v_schema, v_name, v_mode, v_analysis),
        v_schema, v_name, v_query, nullif(query, v_query), trim(schedule), v_mode,
        case when v_mode = 'DIFFERENTIAL' then v_analysis.functions end)
    returning s.* into st;
    perform pgstream_emulator.add_dependencies(st.pgs_id, v_mode,
        v_analysis.relations || pgstream_emulator.views_inlined(query, v_query));
    return st;
end
$$;

-- A view that another view reads is not noted, in the real engines either.
create function pgstream_emulator.views_inlined(query text, v_query text) returns oid[]
language plpgsql
as $$
begin
    if query = v_query then
        return '{}';
    end if;
    return pgstream_emulator.views_among((pgstream_emulator.analyze(query)).relations);
end
$$;

-- The real engine's arguments are not NULL, but for the schedule.
create function pgstream_emulator.check_arguments(name text, query text, refresh_mode text, initialize boolean)
returns void
language plpgsql immutable set search_path = pg_catalog
as $$
declare
    v_number int := case when name is null then 0 when query is null then 1
        when refresh_mode is null then 3 when initialize is null then 4 end;
begin
    if v_number is not null then
        raise exception 'argument % must not be null', v_number using errcode = 'internal_error'; -- in every dress
    end if;
end
$$;

create function pgstream_emulator.check_new(v_schema text, v_name text) returns void
language plpgsql stable set search_path = pg_catalog
as $$
begin
    if exists (select from pgstream.pgs_stream_tables s where s.pgs_schema = v_schema and s.pgs_name = v_name) then
        perform pgstream_emulator.refuse('EXISTS', format('stream table already exists: %s.%s', v_schema, v_name));
    end if;
end
$$;
