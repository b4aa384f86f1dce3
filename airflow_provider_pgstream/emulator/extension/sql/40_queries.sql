-- PostgreSQL itself parses the query: as a temporary view, whose dependencies and tree are then read from
-- the catalog. These functions have no search_path of their own where the user's query is parsed or run:
-- its unqualified names are the caller's.

create type pgstream_emulator.analysis as (
    definition text, -- the query as PostgreSQL writes it, every name qualified
    columns text[], -- quoted names, in order
    column_types text[],
    group_columns text[],
    relations oid[],
    tree text,
    functions text[],
    volatility "char"
);

create function pgstream_emulator.analyze(query text) returns pgstream_emulator.analysis
language plpgsql
as $$
declare
    v_analysis pgstream_emulator.analysis;
begin
    execute 'create temporary view pgstream_emulator_query as ' || query;
    v_analysis := pgstream_emulator.describe('pg_temp.pgstream_emulator_query');
    v_analysis.group_columns := pgstream_emulator.group_columns(query, v_analysis.definition);
    drop view pg_temp.pgstream_emulator_query;
    return v_analysis;
end
$$;

create function pgstream_emulator.describe(view_relid regclass) returns pgstream_emulator.analysis
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_analysis pgstream_emulator.analysis;
    v_rule oid;
begin
    v_analysis.definition := rtrim(pg_get_viewdef(view_relid), ';');
    select r.oid, r.ev_action into v_rule, v_analysis.tree from pg_rewrite r where r.ev_class = view_relid;
    select array_agg(quote_ident(a.attname) order by a.attnum),
           array_agg(format_type(a.atttypid, null) order by a.attnum)
    into v_analysis.columns, v_analysis.column_types
    from pg_attribute a where a.attrelid = view_relid and a.attnum > 0;
    v_analysis.relations := array(
        select distinct d.refobjid from pg_depend d join pg_class c on c.oid = d.refobjid
        where d.classid = 'pg_rewrite'::regclass and d.objid = v_rule
          and d.refclassid = 'pg_class'::regclass and d.refobjid <> view_relid
          and c.relkind in ('r', 'p', 'v', 'm', 'f')
        order by d.refobjid);
    v_analysis.functions := array(
        select distinct p.proname::text from regexp_matches(v_analysis.tree,
            '(?::aggfnoid|:winfnoid|:funcid) (\d+) (?!:funcresulttype \d+ :funcretset \w+ :funcvariadic \w+ :funcformat [12])', 'g') m
        join pg_proc p on p.oid = m[1]::oid order by 1);
    select max(p.provolatile) into v_analysis.volatility
    from regexp_matches(v_analysis.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
    join pg_proc p on p.oid = m[1]::oid;
    return v_analysis;
end
$$;

create function pgstream_emulator.uses_operator(tree text, names text[]) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select exists (select from regexp_matches(tree, ':opno (\d+)', 'g') m
                   join pg_operator o on o.oid = m[1]::oid where o.oprname = any (names))
$$;

create function pgstream_emulator.without_literals(query text) returns text
language sql immutable set search_path = pg_catalog
as $$ select regexp_replace(query, '''(?:[^'']|'''')*''', '''''', 'g') $$;

create function pgstream_emulator.check_reads(query text, a pgstream_emulator.analysis) returns void
language plpgsql stable set search_path = pg_catalog
as $$
begin
    if cardinality(a.relations) = 0 then
        perform pgstream_emulator.refuse('UNREADABLE', 'query parse error: ' || case
            when pgstream_emulator.without_literals(query) ~* '\mfrom\M' then 'Defining query references no tables'
            else 'Defining query must have a FROM clause' end);
    end if;
end
$$;

create function pgstream_emulator.source_problem(relations oid[]) returns text
language sql stable set search_path = pg_catalog
as $$
    select case c.relkind
        when 'm' then format('Materialized view ''%s.%s'' cannot be used as a source in DIFFERENTIAL mode. Materialized views are stale snapshots — CDC triggers cannot track REFRESH MATERIALIZED VIEW. Use the underlying query directly, or switch to FULL refresh mode.', n.nspname, c.relname)
        else format('Foreign table ''%s.%s'' cannot be used as a source in DIFFERENTIAL mode. Row-level triggers cannot be created on foreign tables. Use FULL refresh mode instead.', n.nspname, c.relname)
        end
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = any (relations) and c.relkind in ('m', 'f') order by c.oid limit 1
$$;
