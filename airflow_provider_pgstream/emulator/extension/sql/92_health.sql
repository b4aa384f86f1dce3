create function pgstream.check_cdc_health()
returns table (source_relid bigint, source_table text, cdc_mode text, slot_name text, lag_bytes bigint,
    confirmed_lsn text, alert text)
language sql strict
as $$
    select distinct d.source_relid::bigint, d.source_relid::pg_catalog.regclass::text, d.cdc_mode, null::text,
           null::bigint, null::text, null::text
    from pgstream.pgs_dependencies d where d.source_type = 'TABLE' order by 1
$$;

create function pgstream.slot_health()
returns table (slot_name text, source_relid bigint, active boolean, retained_wal_bytes bigint, wal_status text)
language sql strict set search_path = pg_catalog
as $$
    select c.slot_name, c.source_relid::bigint, true, 0::bigint, 'trigger'
    from pgstream.pgs_change_tracking c order by c.source_relid
$$;

create function pgstream.explain_st(name text) returns table (property text, value text)
language plpgsql strict set search_path = pg_catalog
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

create function pgstream.pg_stream_hash(input text) returns bigint
language sql immutable strict parallel safe set search_path = pg_catalog
as $$ select hashtextextended(input, 0) $$;

create function pgstream.pg_stream_hash_multi(inputs text[]) returns bigint
language sql immutable parallel safe set search_path = pg_catalog
as $$ select hash_array_extended(inputs, 0) $$;
