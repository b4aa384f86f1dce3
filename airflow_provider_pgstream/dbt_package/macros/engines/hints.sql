{# What to do about an error: a SQL expression over its text and its SQLSTATE, made of the hints in the engine's file. #}
{% macro _hint_for(message, code) %}
    {%- set lines = [] -%}
    {%- for one in context['pgstream']['_hints_' ~ pgstream._engine().extension]() -%}
        {%- do lines.append('when ' ~ message ~ ' ~* ' ~ pgstream._literal(one.pattern) ~ ' then ' ~ pgstream._literal(one.get('hint') or one.dbt)) -%}
    {%- endfor -%}
    {%- do lines.append('when ' ~ code ~ " = '42501' then " ~ pgstream._literal('the role that dbt connects as must own the stream table and may need USAGE on schema ' ~ pgstream._engine().schema ~ ': ask for the GRANT')) -%}
    {{ return('case ' ~ lines | join('\n') ~ '\nend') }}
{% endmacro %}
