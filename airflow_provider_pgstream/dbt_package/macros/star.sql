{#
    The columns of a stream table without the engine's own, for `select {{ pgstream.star(ref('order_totals')) }}`.
    Right for any other relation too; `*` while there is nothing to read the columns from.
#}
{% macro star(from, relation_alias=none, except=[]) %}
    {{ return(adapter.dispatch('star', 'pgstream')(from, relation_alias, except)) }}
{% endmacro %}


{% macro default__star(from, relation_alias, except) %}
    {%- set prefix = relation_alias ~ '.' if relation_alias else '' -%}
    {%- set columns = pgstream._columns_of(from, except) if execute else [] -%}
    {%- if not columns -%}
        {{ return(prefix ~ '*') }}
    {%- endif -%}
    {{ return(prefix ~ columns | join(', ' ~ prefix)) }}
{% endmacro %}
