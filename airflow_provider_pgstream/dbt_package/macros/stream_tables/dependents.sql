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


{% macro _log_dependents(table, dependents) %}
    {%- for one in dependents -%}
        {%- if one.kind == 'stream table' -%}
            {%- do pgstream._print(pgstream._qualified_name(table) ~ ' goes, and stream table ' ~ one.schema ~ '.' ~ one.name ~ ' reads it: dbt run rebuilds it where it is a model') -%}
        {%- else -%}
            {%- do pgstream._print(pgstream._qualified_name(table) ~ ' takes ' ~ one.kind ~ ' ' ~ one.schema ~ '.' ~ one.name ~ ' along') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
