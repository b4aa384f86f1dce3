-- Views are inlined, so that changes of the tables under them are captured, and so that the stream table
-- keeps its meaning when the view changes or goes.

create function pgstream_emulator.inline_views(query text) returns text
language plpgsql
as $$
declare
    v_query text := query;
    v_analysis pgstream_emulator.analysis;
    v_views oid[];
begin
    loop
        v_analysis := pgstream_emulator.analyze(v_query);
        v_views := pgstream_emulator.views_among(v_analysis.relations);
        exit when cardinality(v_views) = 0;
        v_query := ltrim(pgstream_emulator.with_views_inlined(v_analysis.definition, v_views));
    end loop;
    return v_query;
end
$$;

create function pgstream_emulator.views_among(relations oid[]) returns oid[]
language sql stable set search_path = pg_catalog
as $$ select array(select c.oid from pg_class c where c.oid = any (relations) and c.relkind = 'v' order by c.oid) $$;

-- In a definition every name is qualified, so that a view can only appear as `FROM schema.view`,
-- `JOIN schema.view` or `, schema.view`.
create function pgstream_emulator.with_views_inlined(definition text, views oid[]) returns text
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_text text := definition;
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
