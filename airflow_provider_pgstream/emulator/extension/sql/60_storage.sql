create type pgstream_emulator.result as (rows_inserted bigint, rows_deleted bigint);

create function pgstream_emulator.create_storage(
    v_schema text, v_name text, v_mode text, a pgstream_emulator.analysis)
returns oid
language plpgsql
as $$
declare
    v_columns text := (
        select string_agg(format('%s %s', c.name, c.type), ', ')
        from unnest(a.columns, a.column_types) c (name, type));
begin
    if v_mode = 'DIFFERENTIAL' and pgstream_emulator.is_counted(a) then
        v_columns := v_columns || ', __pgs_count bigint not null default 0';
    end if;
    execute format('create table %I.%I (__pgs_row_id bigint, %s)', v_schema, v_name, v_columns);
    execute format('create unique index on %I.%I (__pgs_row_id)', v_schema, v_name);
    if cardinality(a.group_columns) > 0 then
        perform pgstream_emulator.create_group_index(v_schema, v_name, v_mode, a.group_columns);
    end if;
    -- The real engine looks its own table up by the unquoted name: that is why some names cannot be created.
    return (v_schema || '.' || v_name)::regclass::oid;
end
$$;

create function pgstream_emulator.create_group_index(
    v_schema text, v_name text, v_mode text, v_columns text[])
returns void
language plpgsql
as $$
begin
    execute format('create index on %I.%I (%s)', v_schema, v_name,
        (select string_agg(quote_ident(trim(c, '"')), ', ') from unnest(v_columns) c));
    if v_mode = 'FULL' then -- there only the names matter
        execute format('drop index %I.%I', v_schema, (
            select c.relname from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
            where i.indrelid = format('%I.%I', v_schema, v_name)::regclass and not i.indisunique));
    end if;
end
$$;

-- Aggregates and DISTINCT of a DIFFERENTIAL table carry a counter column. In the tree a query's flags come
-- before its subqueries, its GROUP BY and DISTINCT after them.
create function pgstream_emulator.is_counted(a pgstream_emulator.analysis) returns boolean
language sql immutable set search_path = pg_catalog
as $$
    select substring(a.tree from ':hasAggs (\w+)') = 'true'
        or substring(a.tree from '.*:groupClause (<>|\()') = '('
        or substring(a.tree from '.*:distinctClause (<>|\()') = '('
$$;

-- The second and later ones of equal rows get ids of their own, by number.
create function pgstream_emulator.row_id(hash bigint, number bigint) returns bigint
language sql immutable parallel safe
return case when number = 1 then hash else hashint8extended(hash, number) end;

-- The query's rows with their ids. A row's id is a hash of what it holds, in the binary form that no session
-- setting changes: rows that differ have different ids, and a changed row is a new row. The names are the engine's own
-- kind, for a query's columns may have any other.
create function pgstream_emulator.rows_query(st pgstream.pgs_stream_tables) returns text
language sql stable set search_path = pg_catalog
as $$
    select format(
        'select pgstream_emulator.row_id(__pgs_hash, row_number() over (partition by __pgs_hash))
                as __pgs_row_id, %1$s
         from (select hashbyteaextended(record_send(__pgs_row), 0) as __pgs_hash, __pgs_row.*
               from (%2$s) __pgs_row) __pgs_rows',
        pgstream_emulator.column_list(st.pgs_relid), st.defining_query)
$$;

create function pgstream_emulator.column_list(v_relid oid) returns text
language sql stable set search_path = pg_catalog
as $$
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
    from pg_attribute a
    where a.attrelid = v_relid and a.attnum > 0 and not a.attisdropped
      and a.attname not in ('__pgs_row_id', '__pgs_count')
$$;

create function pgstream_emulator.write_all(st pgstream.pgs_stream_tables)
returns pgstream_emulator.result
language plpgsql
as $$
declare
    v_inserted bigint;
begin
    execute format('truncate %s', st.pgs_relid::pg_catalog.regclass);
    execute format('insert into %s (__pgs_row_id, %s) %s', st.pgs_relid::pg_catalog.regclass,
        pgstream_emulator.column_list(st.pgs_relid), pgstream_emulator.rows_query(st));
    get diagnostics v_inserted = row_count;
    return (v_inserted, 0::bigint);
end
$$;

create function pgstream_emulator.write_differences(st pgstream.pgs_stream_tables)
returns pgstream_emulator.result
language plpgsql
as $$
declare
    v_result pgstream_emulator.result;
begin
    perform pgstream_emulator.check_differential(st.defining_query);
    execute format(
        'with fresh as materialized (%3$s),
         gone as (delete from %1$s t where not exists (
             select from fresh f where f.__pgs_row_id = t.__pgs_row_id) returning 1),
         come as (insert into %1$s (__pgs_row_id, %2$s) select __pgs_row_id, %2$s from fresh f where not exists (
             select from %1$s t where t.__pgs_row_id = f.__pgs_row_id) returning 1)
         select (select count(*) from come), (select count(*) from gone)',
        st.pgs_relid::pg_catalog.regclass, pgstream_emulator.column_list(st.pgs_relid),
        pgstream_emulator.rows_query(st))
    into v_result;
    return v_result;
end
$$;
