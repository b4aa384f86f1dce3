{#
    The columns of a stream table without the engine's own, for `select {{ pgstream.star(ref('order_totals')) }}`.
    Right for any other relation too; `*` while there is nothing to read the columns from.
#}
{% macro star(from, relation_alias=none, except=[]) %}
    {{ return(adapter.dispatch('star', 'pgstream')(from, relation_alias, except)) }}
{% endmacro %}


{% macro default__star(from, relation_alias, except) %}
    {%- set prefix = relation_alias ~ '.' if relation_alias else '' -%}
    {%- set columns = pgstream.columns_of(from, except) if execute else [] -%}
    {%- if not columns -%}
        {{ return(prefix ~ '*') }}
    {%- endif -%}
    {{ return(prefix ~ columns | join(', ' ~ prefix)) }}
{% endmacro %}


{# Quoted names. #}
{% macro columns_of(relation, except=[]) %}
    {%- set engine = pgstream.engine() -%}
    {%- set hidden = [engine.row_id, engine.row_count] + (except | map('lower') | list) -%}
    {%- set names = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) if column.name | lower not in hidden -%}
        {%- do names.append(pgstream.identifier(column.name)) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}
