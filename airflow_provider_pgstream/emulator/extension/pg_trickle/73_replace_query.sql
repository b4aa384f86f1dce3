-- Another query for a stream table, which keeps its id and becomes ACTIVE. Its storage stays where the columns are the
-- same; where they are not, another takes its place, and views on it go.
create function pgtrickle_emulator.replace_query(st pgtrickle.pgt_stream_tables, query text) returns void
language plpgsql
as $$
declare
    v_query text;
    v_analysis pgtrickle_emulator.analysis;
    v_same boolean;
begin
    perform pgtrickle_emulator.check_syntax(query);
    v_query := pgtrickle_emulator.inline_views(query);
    v_analysis := pgtrickle_emulator.analyze(v_query);
    perform pgtrickle_emulator.check_query(query, st.refresh_mode, v_analysis);
    perform pgtrickle_emulator.check_cycle(st, v_analysis.relations);
    v_same := pgtrickle_emulator.has_columns(st.pgt_relid, v_analysis);
    if not v_same then
        perform pgtrickle_emulator.replace_storage(st, v_analysis);
    end if;
    update pgtrickle.pgt_stream_tables s
    set defining_query = v_query, original_query = nullif(query, v_query),
        functions_used = case when s.refresh_mode = 'DIFFERENTIAL' then v_analysis.functions end
    where s.pgt_id = st.pgt_id;
    perform pgtrickle_emulator.replace_sources(st,
        v_analysis.relations || pgtrickle_emulator.views_inlined(query, v_query));
    perform pgtrickle_emulator.note_query(st.pgt_id, query);
    perform pgtrickle_emulator.forgive(st);
    perform pgtrickle_emulator.refresh_fully(st.pgt_id);
    raise warning 'pg_trickle: stream table %.% ALTER QUERY applied a full refresh (schema change: %). This may take time on large tables.',
        st.pgt_schema, st.pgt_name, case when v_same then 'same' else 'incompatible' end;
end
$$;

create function pgtrickle_emulator.check_cycle(st pgtrickle.pgt_stream_tables, v_relids oid[]) returns void
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_path text := (
        select string_agg(s.pgt_schema || '.' || s.pgt_name, ' -> ' order by s.pgt_id)
        from pgtrickle.pgt_stream_tables s
        where s.pgt_relid = any (v_relids) and s.pgt_id = any (pgtrickle_emulator.with_dependents(array[st.pgt_id])));
begin
    if v_path is not null then
        perform pgtrickle_emulator.refuse('CYCLE', 'cycle detected in dependency graph: ' || v_path);
    end if;
end
$$;

create function pgtrickle_emulator.has_columns(v_relid oid, a pgtrickle_emulator.analysis) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select array_agg(quote_ident(c.attname) || ' ' || format_type(c.atttypid, null) order by c.attnum)
        = array(select w.name || ' ' || w.type from unnest(a.columns, a.column_types) with ordinality w (name, type, number)
                order by w.number)
    from pg_attribute c
    where c.attrelid = v_relid and c.attnum > 0 and not c.attisdropped and c.attname !~ '^__pgt_'
$$;

-- The old storage goes last, when the catalog knows it no longer: its end would take the stream table along.
create function pgtrickle_emulator.replace_storage(st pgtrickle.pgt_stream_tables, a pgtrickle_emulator.analysis)
returns void
language plpgsql
as $$
declare
    v_old text := '__pgt_old_' || st.pgt_id;
    v_relid oid;
begin
    execute format('alter table %I.%I rename to %I', st.pgt_schema, st.pgt_name, v_old);
    v_relid := pgtrickle_emulator.create_storage(st.pgt_schema, st.pgt_name, st.refresh_mode, a);
    perform pgtrickle_emulator.guard_storage(st.pgt_schema, st.pgt_name);
    update pgtrickle.pgt_stream_tables s set pgt_relid = v_relid where s.pgt_id = st.pgt_id;
    update pgtrickle.pgt_dependencies d set source_relid = v_relid where d.source_relid = st.pgt_relid;
    execute format('drop table %I.%I cascade', st.pgt_schema, v_old);
end
$$;

create function pgtrickle_emulator.replace_sources(st pgtrickle.pgt_stream_tables, v_relids oid[]) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    if st.refresh_mode = 'IMMEDIATE' then
        perform pgtrickle_emulator.stop_maintaining(st.pgt_id);
    end if;
    perform pgtrickle_emulator.untrack(st.pgt_id);
    delete from pgtrickle.pgt_dependencies d where d.pgt_id = st.pgt_id;
    perform pgtrickle_emulator.add_dependencies(st.pgt_id, st.refresh_mode, v_relids);
    perform pgtrickle_emulator.stop_unread_captures();
    if st.refresh_mode = 'IMMEDIATE' then
        perform pgtrickle_emulator.start_maintaining(st.pgt_id);
    end if;
end
$$;
