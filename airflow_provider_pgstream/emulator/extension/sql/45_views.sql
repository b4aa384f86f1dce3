-- Views are inlined, so that changes of the tables under them are captured, and so that the stream table
-- keeps its meaning when the view changes or goes.

create function pgstream_emulator.inline_views(query text) returns text
language plpgsql
as $$
declare
    v_query text := query;
    v_views oid[];
begin
    loop
        execute 'create temporary view pgstream_emulator_query as ' || v_query;
        v_views := pgstream_emulator.views_of('pg_temp.pgstream_emulator_query');
        if cardinality(v_views) > 0 then
            v_query := ltrim(pgstream_emulator.with_views_inlined('pg_temp.pgstream_emulator_query', v_views));
        end if;
        drop view pg_temp.pgstream_emulator_query;
        exit when cardinality(v_views) = 0;
    end loop;
    return v_query;
end
$$;

create function pgstream_emulator.views_of(view_relid regclass) returns oid[]
language sql stable set search_path = pg_catalog
as $$
    select array(select c.oid from pg_class c
                 where c.relkind = 'v' and c.oid = any ((pgstream_emulator.describe(view_relid)).relations)
                 order by c.oid)
$$;

-- Every view among the relations of a query, those inside views included.
create function pgstream_emulator.all_views_of(relations oid[]) returns oid[]
language sql stable set search_path = pg_catalog
as $$
    with recursive found (relid) as (
        select c.oid from pg_class c where c.oid = any (relations) and c.relkind = 'v'
        union
        select unnest(pgstream_emulator.views_of(relid)) from found
    )
    select array(select relid from found order by relid)
$$;

-- PostgreSQL writes the query anew with every name qualified (that is what this function's search_path is
-- for), so that a view can only appear as `FROM schema.view`, `JOIN schema.view` or `, schema.view`.
create function pgstream_emulator.with_views_inlined(view_relid regclass, views oid[]) returns text
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_text text := rtrim(pg_get_viewdef(view_relid), ';');
    v_view oid;
begin
    foreach v_view in array views loop
        v_text := pgstream_emulator.with_view_inlined(v_text, v_view);
    end loop;
    return v_text;
end
$$;

-- Keywords are written in upper case, names in lower case or quoted: so what follows tells whether there
-- is an alias. A view that has none gets its own name as one, by which columns are called then.
create function pgstream_emulator.with_view_inlined(query text, view_relid oid) returns text
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_place constant text := chr(1);
    v_name text := '(\m(?:FROM|JOIN)\s+\(*|,\s+\(*)'
        || regexp_replace(view_relid::regclass::text, '([.*+?^$|()\[\]{}\\])', '\\\1', 'g');
    v_alias text := (select quote_ident(relname) from pg_class where oid = view_relid);
    v_result text := '';
    v_piece text;
begin
    for v_piece in select pgstream_emulator.pieces(query) loop
        if v_piece !~ '^''' then
            v_piece := regexp_replace(v_piece, v_name || '(?= [^A-Z\s(),])', '\1' || v_place, 'g');
            v_piece := regexp_replace(v_piece, v_name || '(?![\w$.])',
                '\1' || v_place || ' ' || replace(v_alias, '\', '\\'), 'g');
        end if;
        v_result := v_result || v_piece;
    end loop;
    return replace(v_result, v_place, '(' || rtrim(pg_get_viewdef(view_relid), ';') || ')');
end
$$;

-- String literals, and what stands between them, in order.
create function pgstream_emulator.pieces(query text) returns setof text
language sql immutable set search_path = pg_catalog
as $$ select m[1] from regexp_matches(query, '(''(?:[^'']|'''')*''|(?:"(?:[^"]|"")*"|[^''"])+)', 'g') m $$;
