{# The stream table of the model whose place this is; else the place itself. #}
{% macro _table_under(relation) %}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'stream_table'
                and node.schema == relation.schema and node.alias == relation.identifier -%}
            {{ return(pgstream._table_of(node)) }}
        {%- endfor -%}
    {%- endif -%}
    {{ return(relation) }}
{% endmacro %}
