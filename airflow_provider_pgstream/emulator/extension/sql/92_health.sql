

create function pgstream.slot_health()
returns table (slot_name text, source_relid bigint, active boolean, retained_wal_bytes bigint, wal_status text)
language sql strict set search_path = pg_catalog
as $$
    select c.slot_name, c.source_relid::bigint, true, 0::bigint, 'trigger'
    from pgstream.pgs_change_tracking c order by c.source_relid
$$;

create function pgstream_emulator.explain(name text) returns table (property text, value text)
language plpgsql set search_path = pg_catalog
as $$
declare
    st pgstream.pgs_stream_tables;
    v_schema text;
    v_name text;
begin
    select n.pgs_schema, n.pgs_name into v_schema, v_name from pgstream_emulator.split_name(name, 'public') n;
    select s.* into st from pgstream.pgs_stream_tables s where s.pgs_schema = v_schema and s.pgs_name = v_name;
    if st.pgs_id is null then
        return query values ('error', format('stream table not found: %s.%s', v_schema, v_name));
        return;
    end if;
    return query values
        ('pgs_name', st.pgs_schema || '.' || st.pgs_name),
        ('defining_query', st.defining_query),
        ('refresh_mode', st.refresh_mode),
        ('status', st.status),
        ('is_populated', st.is_populated::text),
        ('dvm_supported', 'true'),
        ('operator_tree', 'none: the emulator computes the query and writes the rows that differ'),
        ('output_columns', pgstream_emulator.column_list(st.pgs_relid)),
        ('source_oids', (select string_agg(d.source_relid::text, ', ' order by d.source_relid)
                         from pgstream.pgs_dependencies d where d.pgs_id = st.pgs_id and d.source_type <> 'VIEW')),
        ('delta_query', pgstream_emulator.rows_query(st)),
        ('frontier', st.frontier::text);
end
$$;
