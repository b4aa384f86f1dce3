{# Quoted names of the columns of a relation, without those that the engine adds. #}
{% macro _columns_of(relation, except=[]) %}
    {%- set internal = pgstream._engine().internal_prefix -%}
    {%- set excepted = except | map('lower') | list -%}
    {%- set names = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) if column.name | lower not in excepted and not column.name.startswith(internal) -%}
        {%- do names.append(pgstream._identifier(column.name)) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}
