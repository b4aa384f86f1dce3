create function pgtrickle_emulator.check_syntax(query text) returns void
language plpgsql
as $$
begin
    if query ~* '^(\s|/\*.*?\*/|--[^\n]*\n)*(delete|merge|create|alter|drop|truncate)\M' then
        perform pgtrickle_emulator.refuse('UNREADABLE', 'query parse error: Defining query returns no columns');
    elsif regexp_replace(pgtrickle_emulator.without_literals(query), '"[^"]*"', '', 'g') ~ ';\s*[^\s;]' then
        perform pgtrickle_emulator.refuse('UNREADABLE', 'query parse error: Expected 1 statement, got 2');
    end if;
    execute 'SELECT * FROM (' || query || ') sub LIMIT 0';
end
$$;

-- A query may be grouped by anything: nothing is demanded of what it is grouped by.
create function pgtrickle_emulator.group_columns(query text, definition text) returns text[]
language sql immutable
return '{}'::text[];

-- Refuses what the real engine refuses, in its words.
create function pgtrickle_emulator.check_query(query text, refresh_mode text, a pgtrickle_emulator.analysis)
returns void
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_problem text := pgtrickle_emulator.limit_problem(a);
begin
    if v_problem is null then
        perform pgtrickle_emulator.check_reads(query, a);
    end if;
    if v_problem is null and refresh_mode <> 'FULL' then
        v_problem := pgtrickle_emulator.differential_problem(a);
    end if;
    if v_problem is not null then
        perform pgtrickle_emulator.refuse('QUERY', 'unsupported operator for DIFFERENTIAL mode: ' || v_problem);
    end if;
end
$$;

create type pgtrickle_emulator.topk as ("limit" int, order_by text, "offset" int);

-- The n first rows by an order; NULL if a query does not ask for them.
create function pgtrickle_emulator.topk_of(definition text) returns pgtrickle_emulator.topk
language sql immutable set search_path = pg_catalog
as $$
    select (m[3]::int, m[1], m[2]::int)::pgtrickle_emulator.topk
    from regexp_match(definition, '\n\s*ORDER BY ([^\n]*)(?:\n\s*OFFSET (\d+))?\n\s*LIMIT (\d+)$') m
    where m is not null
$$;

-- In the tree a query's own LIMIT stands after those of its subqueries.
create function pgtrickle_emulator.limit_problem(a pgtrickle_emulator.analysis) returns text
language sql immutable set search_path = pg_catalog
as $$
    select case
        when a.tree ~ '^.*:limitCount \{((?!:limitCount ).)*$' and pgtrickle_emulator.topk_of(a.definition) is null
            then 'LIMIT is not supported in defining queries without ORDER BY. Use ORDER BY + LIMIT for TopK stream tables, or omit LIMIT to materialize the full result set.'
    end
$$;

create function pgtrickle_emulator.differential_problem(a pgtrickle_emulator.analysis) returns text
language sql stable set search_path = pg_catalog
as $$
    select coalesce(pgtrickle_emulator.source_problem(a.relations), case
        when a.volatility = 'v' then 'Defining query contains volatile expressions: they give other values each time, which no differential refresh can follow.'
        when a.tree ~ '\{TABLESAMPLECLAUSE ' then 'TABLESAMPLE is not supported in defining queries: it gives other rows each time.'
        when a.tree ~ ':rowMarks \(' then 'FOR UPDATE/FOR SHARE is not supported in defining queries: a stream table locks no rows.'
        end)
$$;

-- The mode that a query gets where the caller leaves it open.
create function pgtrickle_emulator.mode_for(query text, refresh_mode text) returns text
language plpgsql
as $$
declare
    v_problem text;
begin
    if refresh_mode <> 'AUTO' then
        return refresh_mode;
    end if;
    perform pgtrickle_emulator.check_syntax(query);
    v_problem := pgtrickle_emulator.differential_problem(
        pgtrickle_emulator.analyze(pgtrickle_emulator.inline_views(query)));
    if v_problem is null then
        return 'DIFFERENTIAL';
    end if;
    raise warning '[pg_trickle] Falling back to FULL refresh: %', v_problem;
    return 'FULL';
end
$$;
