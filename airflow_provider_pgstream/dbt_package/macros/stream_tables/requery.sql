{#
    Another query for a stream table that stays, where the engine can, and nothing else about it changes. What reads it,
    its grants and its indexes stay, too. Engines fill the columns by their position, so the new query has to return the
    same ones in the same order; and what they made of it is compared with it in the same snapshot.
#}
{% macro _can_requery(found, settings) %}
    {%- set engine = pgstream._engine() -%}
    {#- One that can explain what it would do builds the table anew, without its grants. -#}
    {{ return(
        pgstream._takes(engine.alter, 'query') and 'explain_alter' not in engine.found.functions
        and found.is_populated and found.status == 'ACTIVE' and settings.initialize
        and found.schedule == settings.schedule and settings.refresh_mode in (found.refresh_mode, 'AUTO')
    ) }}
{% endmacro %}


{# PL/pgSQL for a transaction at a boundary; PGSNE: the stream table is to be recreated instead. #}
{% macro _requery_steps(table, seen, query) %}
    {%- set engine = pgstream._engine() -%}
    {%- set unequal = "raise exception using errcode = 'PGSNE', message = " %}
        begin
            execute {{ pgstream._literal('create temp view view_of_query as ' ~ query) }};
            select ({{ pgstream._columns_in_order("'pg_temp.view_of_query'::regclass") }})
                is distinct from ({{ pgstream._columns_in_order(seen.storage_oid) }}) into v_differs;
            raise exception using errcode = 'PGSGO';
        exception when sqlstate 'PGSGO' then
            null;
        end;
        if v_differs then
            {{ unequal }}'its columns changed';
        end if;
        execute {{ pgstream._literal('explain (verbose, format json) ' ~ query) }} into v_plan;
        if exists (select from ({{ pgstream._unknown_relations_of_plan(seen.id) }}) as r) then
            {{ unequal }}'it reads other tables';
        end if;
        perform {{ engine.alter }}({{ pgstream._literal(pgstream._qualified_name(table)) }}, query => {{ pgstream._literal(query) }});
        execute {{ pgstream._literal(pgstream._rows_differ(query, 'select ' ~ pgstream._columns_of(table) | join(', ') ~ ' from ' ~ table.include(database=false))) }} into v_differs;
        if v_differs then
            {{ unequal }}'it does not hold what its new query returns';
        end if;
{%- endmacro %}


{# Whether two queries return different rows, whatever their types and columns. #}
{% macro _rows_differ(query, other) -%}
    {%- set one = 'select q::text from (' ~ query ~ '\n) as q' -%}
    {%- set two = 'select q::text from (' ~ other ~ '\n) as q' -%}
    select exists (({{ one }} except all {{ two }}) union all ({{ two }} except all {{ one }}))
{%- endmacro %}


{# Names and types of a relation's columns but for the engine's own. #}
{% macro _columns_in_order(oid) -%}
    select array_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) order by a.attnum)
    from pg_catalog.pg_attribute as a
    where a.attrelid = {{ oid }} and a.attnum > 0 and not a.attisdropped
        and not starts_with(a.attname, {{ pgstream._literal(pgstream._engine().internal_prefix) }})
{%- endmacro %}
