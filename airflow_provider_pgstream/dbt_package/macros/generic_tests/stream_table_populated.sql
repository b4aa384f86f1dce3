{# Fails where the stream table is missing or was never populated. #}
{% test stream_table_populated(model) %}
    {%- set engine = pgstream.engine() -%}
    {%- set table = pgstream.table_under(model) %}
    select wanted.name, 'is not a populated stream table' as what
    from (values ({{ pgstream.literal(table.schema) }}, {{ pgstream.literal(table.identifier) }})) as wanted (schema_name, name)
    where not exists (
        select
        from {{ engine.stream_tables }} as st
        where st.{{ engine.schema_name }} = wanted.schema_name and st.{{ engine.name }} = wanted.name and st.is_populated
    )
{% endtest %}


{# The stream table of the model whose place this is; else the place itself. #}
{% macro table_under(relation) %}
    {%- if execute -%}
        {%- do pgstream.require_engine() -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'stream_table'
                and node.schema == relation.schema and node.alias == relation.identifier -%}
            {{ return(pgstream.table_of(node)) }}
        {%- endfor -%}
    {%- endif -%}
    {{ return(relation) }}
{% endmacro %}
