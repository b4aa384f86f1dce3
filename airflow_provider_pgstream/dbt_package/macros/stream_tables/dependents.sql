{#
    What a drop of the relation takes along or leaves without a source: rows of kind ('view', 'materialized view',
    'stream table'), schema, name. Views go with it; stream tables stay behind and have to be rebuilt.
#}
{% macro _dependents(oid) %}
    {%- set engine = pgstream._engine() -%}
    {%- set query %}
        with recursive taken (oid, is_stream_table) as (
            select {{ oid }}::oid, false
            union
            select next.oid, next.is_stream_table
            from taken
            cross join lateral (
                select r.ev_class as oid, false as is_stream_table
                from pg_catalog.pg_depend as d
                join pg_catalog.pg_rewrite as r on r.oid = d.objid
                where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
                    and d.refobjid = taken.oid and not taken.is_stream_table
                union all
                select st.{{ engine.relid }}, true
                from {{ engine.dependencies }} as d
                join {{ engine.catalog }} as st using ({{ engine.id }})
                where d.source_relid = taken.oid
            ) as next
        )
        select distinct
            case when taken.is_stream_table then 'stream table' else {{ pgstream._kind_of('c.relkind') }} end as kind,
            n.nspname as schema,
            c.relname as name
        from taken
        join pg_catalog.pg_class as c on c.oid = taken.oid
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid <> {{ oid }}::oid
        order by 1, 2, 3
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}


{#
    Says what becomes of them, before anything does: a warning, unless this run makes them anew.
#}
{% macro _tell_of_dependents(table, dependents) %}
    {%- set coming = pgstream._places_of_run() if dependents else [] -%}
    {%- for one in dependents -%}
        {%- set name = one.schema ~ '.' ~ one.name -%}
        {%- set is_stream_table = one.kind == 'stream table' -%}
        {%- if name in coming -%}
            {%- do pgstream._print(pgstream._qualified_name(table) ~ (' goes, and ' if is_stream_table else ' takes ') ~ one.kind ~ ' ' ~ name ~ (' reads it' if is_stream_table else ' along') ~ ': this run makes that anew') -%}
        {%- elif is_stream_table -%}
            {%- do exceptions.warn(pgstream._qualified_name(table) ~ ' goes, and stream table ' ~ name ~ ' reads it: that keeps the rows of now, in status ERROR where it reads it directly, until it is made anew: dbt run --select ' ~ model.name ~ '+, where it is a model') -%}
        {%- else -%}
            {%- do exceptions.warn(pgstream._qualified_name(table) ~ ' takes ' ~ one.kind ~ ' ' ~ name ~ ' along: dbt run --select ' ~ model.name ~ '+ makes it anew, where it is a model') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{# 'schema.name' of everything that this run makes. #}
{% macro _places_of_run() %}
    {%- set places = [] -%}
    {%- for id in selected_resources if id in graph.nodes -%}
        {%- do places.extend(pgstream._places_of(graph.nodes[id])) -%}
    {%- endfor -%}
    {{ return(places) }}
{% endmacro %}


{#
    Marks what reads something that is gone, as PL/pgSQL for `_attempt`: some engines leave it ACTIVE, with rows that
    nothing changes any more.
#}
{% macro _mark_dangling_steps() %}
    {%- set engine = pgstream._engine() %}
            if has_table_privilege({{ pgstream._literal(engine.catalog) }}, 'update') then
                update {{ engine.catalog }} as st
                set status = 'ERROR'
                where st.status <> 'ERROR' and exists (
                    select
                    from {{ engine.dependencies }} as d
                    where d.{{ engine.id }} = st.{{ engine.id }}
                        and not exists (select from pg_catalog.pg_class as source where source.oid = d.source_relid)
                );
            end if;
{%- endmacro %}
