{#
    dbt's create_indexes for a table that was there before: only those whose columns, method and uniqueness no index
    has yet. Those that left the configuration stay until a full refresh.
#}
{% macro create_missing_indexes(table) %}
    {%- set wanted = config.get('indexes') or [] -%}
    {%- if wanted -%}
        {%- set query %}
            select
                am.amname as type,
                i.indisunique as unique,
                array_agg(a.attname order by k.position) as columns
            from pg_catalog.pg_index as i
            join pg_catalog.pg_class as c on c.oid = i.indexrelid
            join pg_catalog.pg_am as am on am.oid = c.relam
            cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
            join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
            where i.indrelid = to_regclass({{ pgstream.literal(table.include(database=false) | string) }})
            group by i.indexrelid, am.amname, i.indisunique
        {%- endset -%}
        {%- set there = pgstream.rows(query) -%}
        {%- for index in wanted -%}
            {%- set shape = {'type': index.get('type', 'btree'), 'unique': index.get('unique', false), 'columns': index.columns} -%}
            {%- if shape not in there -%}
                {%- call statement('pgstream_index', auto_begin=true) -%}
                    {{ get_create_index_sql(table, index) }}
                {%- endcall -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
