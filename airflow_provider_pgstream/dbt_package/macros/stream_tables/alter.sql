{# An alteration, as PL/pgSQL for `_attempt`: only what changes is sent. #}
{% macro _alter_steps(table, changes) %}
    {%- set arguments = [pgstream._literal(pgstream._qualified_name(table))] -%}
    {%- for key, value in changes.items() -%}
        {%- do arguments.append(key ~ ' => ' ~ pgstream._literal(value)) -%}
    {%- endfor -%}
    {{ return('            perform ' ~ pgstream._engine().alter ~ '(' ~ arguments | join(', ') ~ ');') }}
{% endmacro %}
