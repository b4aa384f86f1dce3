{#
    Indexes of a table that was there before follow the configuration: what is missing is created, and what left it is
    dropped. Only dbt gives an index 32 hexadecimal digits for a name: the engine's and those made by hand stay.
#}
{% macro _update_indexes(table) %}
    {%- set existing = pgstream._indexes_of(table) -%}
    {%- set shapes = [] -%}
    {%- for index in existing -%}
        {%- do shapes.append(index.shape) -%}
    {%- endfor -%}
    {%- set wanted = [] -%}
    {%- for index in config.get('indexes') or [] -%}
        {%- set shape = pgstream._index_shape(index) -%}
        {%- do wanted.append(shape) -%}
        {%- if shape not in shapes -%}
            {%- call statement('pgstream_index', auto_begin=true) -%}
                {{ get_create_index_sql(table, index) }}
            {%- endcall -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if config.get('on_configuration_change', 'apply') | lower == 'apply' -%}
        {%- for index in existing if index.is_of_dbt and index.shape not in wanted -%}
            {%- do pgstream._drop_index(table, index.name) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{# What tells one index from another, as `_indexes_of` gives it; dbt writes columns unquoted, so they are folded. #}
{% macro _index_shape(index) %}
    {%- set columns = [] -%}
    {%- for column in index.columns -%}
        {%- do columns.append((column if column.startswith('"') else column | lower) | replace('"', '')) -%}
    {%- endfor -%}
    {{ return({'type': index.get('type') or 'btree', 'unique': index.get('unique') or false, 'columns': columns}) }}
{% endmacro %}


{# The catalog's tables only: pg_get_indexdef would wait for whoever has locked the relation. #}
{% macro _indexes_of(table) %}
    {%- set query %}
        select
            c.relname as name,
            {{ pgstream._is_named_by_dbt('c.relname') }} and i.indpred is null
                and not exists (select from pg_catalog.pg_constraint where conindid = i.indexrelid) as is_of_dbt,
            json_build_object('type', am.amname, 'unique', i.indisunique, 'columns', (
                select json_agg(a.attname order by a.attnum)
                from pg_catalog.pg_attribute as a
                where a.attrelid = i.indexrelid and a.attnum <= i.indnkeyatts
            )) as shape
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as c on c.oid = i.indexrelid
        join pg_catalog.pg_am as am on am.oid = c.relam
        where i.indrelid = to_regclass({{ pgstream._literal(table.include(database=false) | string) }})
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}


{# dbt names an index by a hash. #}
{% macro _is_named_by_dbt(name) -%}
    {{ name }} ~ '^[0-9a-f]{32}$'
{%- endmacro %}


{% macro _drop_index(table, name) %}
    {%- set step = '            drop index if exists ' ~ pgstream._identifier(table.schema) ~ '.' ~ pgstream._identifier(name) ~ ';' -%}
    {%- call statement('pgstream_drop_index', auto_begin=true) -%}
        {{ pgstream._attempt(table, 'cleared of an index that left its configuration', step) }}
    {%- endcall -%}
{% endmacro %}
