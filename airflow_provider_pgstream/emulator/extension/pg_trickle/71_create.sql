create function pgtrickle.create_stream_table(
    name text,
    query text,
    schedule text default 'calculated',
    refresh_mode text default 'AUTO',
    initialize boolean default true,
    diamond_consistency text default null,
    diamond_schedule_policy text default null,
    cdc_mode text default null,
    append_only boolean default false,
    pooler_compatibility_mode boolean default false,
    partition_by text default null,
    max_differential_joins int default null,
    max_delta_fraction float8 default null,
    output_distribution_column text default null,
    temporal boolean default false,
    storage_backend text default null,
    sink text default null,
    ducklake_sink_path text default null,
    ducklake_sink_table_id bigint default null)
returns void
language plpgsql
as $$
declare
    v_schedule text;
    v_mode text;
    st pgtrickle.pgt_stream_tables;
begin
    perform pgtrickle_emulator.check_arguments(name, query, refresh_mode, initialize);
    perform pgtrickle_emulator.check_sink(sink, ducklake_sink_path, ducklake_sink_table_id);
    v_schedule := pgtrickle_emulator.stored_schedule(schedule);
    v_mode := pgtrickle_emulator.mode_for(query, pgtrickle_emulator.mode_word(refresh_mode));
    st := pgtrickle_emulator.create_empty(name, query, case when v_mode <> 'IMMEDIATE' then v_schedule end, v_mode);
    perform pgtrickle_emulator.guard_storage(st.pgt_schema, st.pgt_name);
    if v_mode = 'DIFFERENTIAL' then
        perform pgtrickle_emulator.index_groups(st);
    end if;
    perform pgtrickle_emulator.check_partition_key(st, partition_by);
    update pgtrickle.pgt_stream_tables s
    set diamond_consistency = coalesce(pgtrickle_emulator.option_word(
            'diamond_consistency', create_stream_table.diamond_consistency, '{none,atomic}'), s.diamond_consistency),
        diamond_schedule_policy = coalesce(pgtrickle_emulator.option_word('diamond_schedule_policy',
            create_stream_table.diamond_schedule_policy, '{fastest,slowest}'), s.diamond_schedule_policy),
        requested_cdc_mode = pgtrickle_emulator.option_word('cdc_mode', cdc_mode, '{auto,trigger,wal}'),
        is_append_only = append_only,
        pooler_compatibility_mode = create_stream_table.pooler_compatibility_mode,
        st_partition_key = partition_by,
        max_differential_joins = create_stream_table.max_differential_joins,
        max_delta_fraction = create_stream_table.max_delta_fraction,
        temporal_mode = temporal,
        storage_backend = coalesce(pgtrickle_emulator.option_word('storage_backend',
            create_stream_table.storage_backend, '{heap,citus,pg_mooncake,none}'), s.storage_backend)
    where s.pgt_id = st.pgt_id;
    perform pgtrickle_emulator.note_query(st.pgt_id, query);
    if v_mode = 'IMMEDIATE' then
        perform pgtrickle_emulator.start_maintaining(st.pgt_id);
    end if;
    if initialize then
        perform pgtrickle_emulator.refresh(st, pgtrickle_emulator.moment_of(st), 'ALL');
        perform pgtrickle_emulator.record(st, 'FULL', 'COMPLETED', 0, 0, null, 'INITIAL');
    end if;
    raise info 'Stream table %.% created (pgt_id=%, mode=%, initialized=%)',
        st.pgt_schema, st.pgt_name, st.pgt_id, v_mode, initialize::text;
end
$$;

create function pgtrickle_emulator.check_partition_key(st pgtrickle.pgt_stream_tables, v_column text) returns void
language plpgsql stable set search_path = pg_catalog
as $$
begin
    if v_column is not null and not exists (
        select from pg_attribute a where a.attrelid = st.pgt_relid and a.attname = v_column and a.attnum > 0)
    then
        perform pgtrickle_emulator.refuse('ARGUMENT', format(
            'invalid argument: partition_by column ''%s'' is not in the stream table''s SELECT output. Available columns: %s',
            v_column, pgtrickle_emulator.column_list(st.pgt_relid)));
    end if;
end
$$;

-- What the catalog says of a query beside its text: the first rows by an order, and sources without a key.
create function pgtrickle_emulator.note_query(v_pgt_id bigint, query text) returns void
language plpgsql
as $$
declare
    v_topk pgtrickle_emulator.topk := pgtrickle_emulator.topk_of((pgtrickle_emulator.analyze(query)).definition);
begin
    update pgtrickle.pgt_stream_tables s
    set original_query = case when v_topk is null then s.original_query else query end,
        topk_limit = v_topk."limit", topk_order_by = v_topk.order_by, topk_offset = v_topk."offset",
        has_keyless_source = exists (
            select from pgtrickle.pgt_dependencies d
            where d.pgt_id = v_pgt_id and d.source_type = 'TABLE' and not exists (
                select from pg_catalog.pg_index i where i.indrelid = d.source_relid and i.indisprimary))
    where s.pgt_id = v_pgt_id;
end
$$;
