{#
    Warns of table models that the stream table reads, itself or through views: dbt puts another table in their place in
    every run, and the engine's source is gone. Said when the stream table is made, which is before that happens.
#}
{% macro _warn_of_rebuilt_tables() %}
    {%- set names = [] -%}
    {%- do pgstream._collect_rebuilt_tables(model, names) -%}
    {%- if names and not pgstream._tables_stay_in_place() -%}
        {%- do exceptions.warn('model ' ~ model.name ~ ' reads ' ~ names | join(', ') ~ ", which dbt's materialization table replaces by another table in every run: the stream table then has lost its source and is rebuilt, or the engine refuses to let the old one go. Keep such tables in place with one line in a macro file of your project: " ~ pgstream._in_place_line() ~ '; or make of it a view, an incremental model or a stream table') -%}
    {%- endif -%}
{% endmacro %}


{# In pieces, or it would be a materialization of this package. #}
{% macro _in_place_line() %}
    {%- set pieces = ["materialization table, adapter='postgres'", '{{ return(pgstream.materialization_table_in_place()) }}', 'endmaterialization'] -%}
    {{ return('{% ' ~ pieces[0] ~ ' %}' ~ pieces[1] ~ '{% ' ~ pieces[2] ~ ' %}') }}
{% endmacro %}


{# Whether the project has a materialization of tables of its own: dbt takes one from nowhere else. #}
{% macro _tables_stay_in_place() %}
    {{ return('materialization_table_postgres' in context.get(project_name, {})) }}
{% endmacro %}


{% macro _collect_rebuilt_tables(node, names) %}
    {%- for id in (node.get('depends_on') or {}).get('nodes', []) -%}
        {%- set one = graph.nodes.get(id) -%}
        {%- set kind = ((one or {}).get('config') or {}).get('materialized') -%}
        {%- if kind == 'table' and one.name not in names -%}
            {%- do names.append(one.name) -%}
        {%- elif kind in ('view', 'ephemeral') -%}
            {%- do pgstream._collect_rebuilt_tables(one, names) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
