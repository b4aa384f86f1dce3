create function pgtrickle.alter_stream_table(
    name text,
    query text default null,
    schedule text default null,
    refresh_mode text default null,
    status text default null,
    diamond_consistency text default null,
    diamond_schedule_policy text default null,
    cdc_mode text default null,
    append_only boolean default null,
    pooler_compatibility_mode boolean default null,
    tier text default null,
    fuse text default null,
    fuse_ceiling bigint default null,
    fuse_sensitivity int default null,
    partition_by text default null,
    max_differential_joins int default null,
    max_delta_fraction float8 default null,
    post_refresh_action text default null,
    reindex_drift_threshold float8 default null,
    sink text default null,
    ducklake_sink_path text default null,
    ducklake_sink_table_id bigint default null)
returns void
language plpgsql
as $$
declare
    st pgtrickle.pgt_stream_tables;
    v_tier text := pgtrickle_emulator.option_word('tier', tier, '{hot,warm,cold,frozen}');
begin
    perform pgtrickle_emulator.check_arguments(name, '', '', true);
    perform pgtrickle_emulator.check_sink(sink, ducklake_sink_path, ducklake_sink_table_id);
    st := pgtrickle_emulator.find(name, current_schema()::text);
    perform pgtrickle_emulator.check_owner(st);
    perform pgtrickle_emulator.check_partition_key(st, partition_by);
    update pgtrickle.pgt_stream_tables s
    set schedule = case when alter_stream_table.schedule is null then s.schedule
            else pgtrickle_emulator.stored_schedule(alter_stream_table.schedule) end,
        status = case when alter_stream_table.status is null then s.status
            else pgtrickle_emulator.status_word(alter_stream_table.status) end,
        diamond_consistency = coalesce(pgtrickle_emulator.option_word(
            'diamond_consistency', alter_stream_table.diamond_consistency, '{none,atomic}'), s.diamond_consistency),
        diamond_schedule_policy = coalesce(pgtrickle_emulator.option_word('diamond_schedule_policy',
            alter_stream_table.diamond_schedule_policy, '{fastest,slowest}'), s.diamond_schedule_policy),
        requested_cdc_mode = coalesce(
            pgtrickle_emulator.option_word('cdc_mode', cdc_mode, '{auto,trigger,wal}'), s.requested_cdc_mode),
        is_append_only = coalesce(append_only, s.is_append_only),
        pooler_compatibility_mode = coalesce(
            alter_stream_table.pooler_compatibility_mode, s.pooler_compatibility_mode),
        refresh_tier = coalesce(v_tier, s.refresh_tier),
        fuse_mode = coalesce(pgtrickle_emulator.option_word('fuse', fuse, '{off,on,auto}'), s.fuse_mode),
        fuse_ceiling = coalesce(alter_stream_table.fuse_ceiling, s.fuse_ceiling),
        fuse_sensitivity = coalesce(alter_stream_table.fuse_sensitivity, s.fuse_sensitivity),
        st_partition_key = coalesce(partition_by, s.st_partition_key),
        max_differential_joins = coalesce(alter_stream_table.max_differential_joins, s.max_differential_joins),
        max_delta_fraction = coalesce(alter_stream_table.max_delta_fraction, s.max_delta_fraction),
        post_refresh_action = coalesce(pgtrickle_emulator.option_word('post_refresh_action',
            alter_stream_table.post_refresh_action, '{none,analyze,reindex,reindex_if_drift}'), s.post_refresh_action),
        reindex_drift_threshold = coalesce(alter_stream_table.reindex_drift_threshold, s.reindex_drift_threshold),
        updated_at = now()
    where s.pgt_id = st.pgt_id;
    if v_tier = 'frozen' and st.refresh_tier <> v_tier then
        raise notice 'stream table %.% demoted from % to frozen — refresh is suspended until the tier is changed back',
            st.pgt_schema, st.pgt_name, st.refresh_tier;
    end if;
    if upper(alter_stream_table.status) = 'ACTIVE' then
        perform pgtrickle_emulator.forgive(st);
    end if;
    if query is not null then
        perform pgtrickle_emulator.replace_query(st, query);
    end if;
    if refresh_mode is not null then
        perform pgtrickle_emulator.change_mode(st, pgtrickle_emulator.mode_word(refresh_mode));
    end if;
end
$$;

create function pgtrickle_emulator.forgive(st pgtrickle.pgt_stream_tables) returns void
language sql set search_path = pg_catalog
as $$
    update pgtrickle.pgt_stream_tables s
    set status = 'ACTIVE', consecutive_errors = 0, last_error_message = null, last_error_at = null, updated_at = now()
    where s.pgt_id = st.pgt_id
$$;

create function pgtrickle_emulator.change_mode(st pgtrickle.pgt_stream_tables, v_mode text) returns void
language plpgsql
as $$
declare
    v_relid oid;
begin
    if v_mode = st.refresh_mode then
        return;
    end if;
    update pgtrickle.pgt_stream_tables s
    set refresh_mode = v_mode,
        schedule = case when v_mode = 'IMMEDIATE' then null
            when st.refresh_mode = 'IMMEDIATE' then coalesce(s.schedule, '1m') else s.schedule end
    where s.pgt_id = st.pgt_id;
    if v_mode = 'IMMEDIATE' then
        perform pgtrickle_emulator.untrack(st.pgt_id);
        perform pgtrickle_emulator.stop_unread_captures();
        perform pgtrickle_emulator.start_maintaining(st.pgt_id);
    elsif st.refresh_mode = 'IMMEDIATE' then
        perform pgtrickle_emulator.stop_maintaining(st.pgt_id);
        for v_relid in select pgtrickle_emulator.tables_of(st.pgt_id) loop
            perform pgtrickle_emulator.start_capture(v_relid, st.pgt_id);
        end loop;
    end if;
    perform pgtrickle_emulator.refresh_fully(st.pgt_id);
    raise warning 'pg_trickle: stream table %.% refresh mode changed from % to %; a full refresh was applied. This may take time on large tables.',
        st.pgt_schema, st.pgt_name, st.refresh_mode, v_mode;
end
$$;

create function pgtrickle_emulator.stop_unread_captures() returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_relid oid;
begin
    for v_relid in select c.source_relid from pgtrickle.pgt_change_tracking c
        where c.tracked_by_pgt_ids = '{}' order by c.source_relid
    loop
        perform pgtrickle_emulator.stop_capture(v_relid);
    end loop;
end
$$;

create function pgtrickle_emulator.refresh_fully(v_pgt_id bigint) returns void
language plpgsql
as $$
declare
    st pgtrickle.pgt_stream_tables;
    v_result pgtrickle_emulator.result;
begin
    select s.* into st from pgtrickle.pgt_stream_tables s where s.pgt_id = v_pgt_id;
    v_result := pgtrickle_emulator.refresh(st, pgtrickle_emulator.moment_of(st), 'ALL');
    perform pgtrickle_emulator.record(st, 'FULL', 'COMPLETED', v_result.rows_inserted, 0, null, 'MANUAL');
    raise info 'Stream table %.% refreshed (FULL)', st.pgt_schema, st.pgt_name;
end
$$;
