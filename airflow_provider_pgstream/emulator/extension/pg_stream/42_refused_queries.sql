create function pgstream_emulator.check_syntax(query text) returns void
language plpgsql
as $$
begin
    execute 'SELECT * FROM (' || query || ') sub LIMIT 0';
    perform pgstream_emulator.check_tables(query);
exception when undefined_table then
    raise exception 'SPI error: SpiTupleTable positioned before the start or after the end'
        using errcode = 'internal_error', detail = sqlerrm;
end
$$;

-- The real engine looks unqualified tables up in `public`, whatever the caller's path, and fails at that.
create function pgstream_emulator.check_tables(query text) returns void
language plpgsql set search_path = public
as $$
begin
    execute 'SELECT * FROM (' || query || ') sub LIMIT 0';
end
$$;

-- What the real engine takes for the names of the columns that a query is grouped by: it looks them up among
-- the query's output, and fails for a number, an expression, and a column that is not there by that name.
create function pgstream_emulator.group_columns(query text, definition text) returns text[]
language sql immutable set search_path = pg_catalog
as $$
    select array(
        select coalesce(substring(pgstream_emulator.without_literals(query) from '(?i)\mgroup\s+by\s+(\d+)'),
                        substring(e.element from '^(?:[^().]+\.)*([^().]+)$'),
                        substring(e.element from '^\((.*)\)$'), e.element)
        from regexp_split_to_table(
            substring(definition from '(?n)^  GROUP BY (?!GROUPING SETS|ROLLUP|CUBE)(.*?)$'),
            ', (?![^(]*\))') with ordinality e (element, number)
        order by e.number)
$$;

-- Refuses what the real engine refuses, in its words.
create function pgstream_emulator.check_query(query text, refresh_mode text, a pgstream_emulator.analysis)
returns void
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_problem text := pgstream_emulator.problem(a);
begin
    if v_problem is null then
        perform pgstream_emulator.check_reads(query, a);
    end if;
    if v_problem is null and refresh_mode = 'DIFFERENTIAL' then
        v_problem := pgstream_emulator.differential_problem(query, a);
    end if;
    if v_problem is not null then
        perform pgstream_emulator.refuse('QUERY', 'unsupported operator for DIFFERENTIAL mode: ' || v_problem);
    end if;
    if refresh_mode = 'DIFFERENTIAL' and a.volatility = 's' then
        raise warning 'Defining query contains stable functions (e.g., now(), current_timestamp). These return the same value within a single refresh but may shift between refreshes. Delta computation is correct within each refresh cycle.';
    end if;
end
$$;

-- In the tree a query's own LIMIT stands after those of its subqueries.
create function pgstream_emulator.problem(a pgstream_emulator.analysis) returns text
language sql immutable set search_path = pg_catalog
as $$
    select case
        when a.tree ~ '^.*:limitCount \{((?!:limitCount ).)*$' then 'LIMIT is not supported in defining queries. Stream tables materialize the full result set.'
        when a.tree ~ '^.*:limitOffset \{((?!:limitOffset ).)*$' then 'OFFSET is not supported in defining queries. Stream tables materialize the full result set.'
        when a.tree ~ '\{TABLESAMPLECLAUSE ' then 'TABLESAMPLE is not supported in defining queries. Stream tables materialize the complete result set; use a WHERE condition with random() if sampling is needed.'
    end
$$;

create function pgstream_emulator.differential_problem(query text, a pgstream_emulator.analysis) returns text
language sql stable set search_path = pg_catalog
as $$
    select coalesce(pgstream_emulator.source_problem(a.relations), case
        when a.volatility = 'v' then 'Defining query contains volatile expressions (e.g., random(), clock_timestamp(), or custom volatile operators). Volatile functions and operators are not supported in DIFFERENTIAL mode because they produce different values on each evaluation, breaking delta computation. Use FULL refresh mode instead, or replace with a deterministic alternative.'
        when a.tree ~ ':limitCount \{' and a.tree !~ '\{SUBLINK ' then 'LIMIT is not supported in defining queries. Stream tables materialize the full result set.'
        when a.tree ~ '\{NULLIFEXPR ' then 'A_Expr kind 5 is not supported in defining queries'
        when pgstream_emulator.uses_operator(a.tree, '{~~,!~~}') then 'A_Expr kind 7 is not supported in defining queries'
        when pgstream_emulator.uses_operator(a.tree, '{~~*,!~~*}') then 'A_Expr kind 8 is not supported in defining queries'
        when pgstream_emulator.without_literals(query) ~* '\marray\s*\[' then 'Expression type T_A_ArrayExpr is not supported in defining queries'
        end)
$$;
