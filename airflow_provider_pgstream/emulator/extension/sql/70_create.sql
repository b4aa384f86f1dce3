create function pgstream.create_stream_table(
    name text,
    query text,
    schedule text default '1m',
    refresh_mode text default 'DIFFERENTIAL',
    initialize boolean default true)
returns void
language plpgsql
as $$
declare
    v_schema text;
    v_name text;
    v_mode text;
    v_query text;
    v_analysis pgstream_emulator.analysis;
    v_views oid[];
    st pgstream.pgs_stream_tables;
begin
    perform pgstream_emulator.check_arguments(name, query, refresh_mode, initialize);
    select n.pgs_schema, n.pgs_name into v_schema, v_name
    from pgstream_emulator.split_name(name, current_schema()::text) n;
    perform pgstream_emulator.check_schedule(schedule);
    v_mode := pgstream_emulator.mode_word(refresh_mode);
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
    if query <> v_query then
        v_views := pgstream_emulator.all_views_of((pgstream_emulator.analyze(query)).relations);
    end if;
    perform pgstream_emulator.add_dependencies(st.pgs_id, v_mode, v_analysis.relations || v_views);
    if initialize then
        perform pgstream_emulator.populate(st);
    end if;
    raise info 'Stream table %.% created (pgs_id=%, mode=%, initialized=%)',
        v_schema, v_name, st.pgs_id, v_mode, initialize::text;
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
        raise exception 'argument % must not be null', v_number using errcode = 'internal_error';
    end if;
end
$$;

create function pgstream_emulator.check_new(v_schema text, v_name text) returns void
language plpgsql stable set search_path = pg_catalog
as $$
begin
    if exists (select from pgstream.pgs_stream_tables s where s.pgs_schema = v_schema and s.pgs_name = v_name) then
        raise exception 'stream table already exists: %.%', v_schema, v_name using errcode = 'internal_error';
    end if;
end
$$;

-- The first filling leaves no frontier: the next refresh is a FULL one, as the real engine's is.
create function pgstream_emulator.populate(st pgstream.pgs_stream_tables) returns void
language plpgsql
as $$
begin
    perform pgstream_emulator.refresh(st, pgstream_emulator.moment_of(st), 'ALL');
    update pgstream.pgs_stream_tables s set frontier = null where s.pgs_id = st.pgs_id;
end
$$;
