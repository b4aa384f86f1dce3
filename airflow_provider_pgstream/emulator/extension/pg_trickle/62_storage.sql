-- A `*` is no hindrance to a differential refresh.
create function pgtrickle_emulator.check_differential(query text) returns void
language sql immutable
return null;

-- An index on those columns that the query is grouped by and that are in its output.
create function pgtrickle_emulator.index_groups(st pgtrickle.pgt_stream_tables) returns void
language plpgsql
as $$
declare
    v_grouping text := substring((pgtrickle_emulator.analyze(st.defining_query)).definition from '(?n)^  GROUP BY (.*?)$');
    v_columns text := (
        select string_agg(quote_ident(a.attname), ', ' order by e.number)
        from regexp_split_to_table(v_grouping, ', ') with ordinality e (element, number)
        join pg_catalog.pg_attribute a
            on a.attrelid = st.pgt_relid and quote_ident(a.attname) = regexp_replace(e.element, '^.*\.', ''));
begin
    if v_columns is not null then
        execute format('create index on %s (%s)', st.pgt_relid::pg_catalog.regclass, v_columns);
    end if;
end
$$;

-- Keeps everybody from writing to a stream table, its owner and superusers too.
create function pgtrickle_emulator.guard_storage(v_schema text, v_name text) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    if v_name !~ '^[[:alnum:]_$]+$' then -- the engine writes the guard's name, which begins with a prefix, without quotes
        raise exception 'syntax error at or near "%"', substring(v_name from '[^[:alnum:]_$]')
            using errcode = 'syntax_error';
    end if;
    execute format(
        'create or replace function %I.%I() returns trigger language plpgsql as $t$
         begin
             if current_setting(''pg_trickle.internal_refresh'', true) = ''true'' then
                 return case tg_op when ''DELETE'' then old else new end;
             end if;
             raise exception ''Direct DML on stream table %% is not allowed. pg_trickle maintains it.'', tg_table_name;
         end $t$', v_schema, '_pgt_guard_' || v_name);
    execute format('create trigger pgt_dml_guard before insert or update or delete on %1$I.%2$I
        for each row execute function %1$I.%3$I()', v_schema, v_name, '_pgt_guard_' || v_name);
    execute format('create trigger pgt_truncate_guard before truncate on %1$I.%2$I
        for each statement execute function %1$I.%3$I()', v_schema, v_name, '_pgt_guard_' || v_name);
end
$$;

alter function pgtrickle_emulator.write_all(pgtrickle.pgt_stream_tables)
    set pg_trickle.internal_refresh = 'true';
alter function pgtrickle_emulator.write_differences(pgtrickle.pgt_stream_tables)
    set pg_trickle.internal_refresh = 'true';
