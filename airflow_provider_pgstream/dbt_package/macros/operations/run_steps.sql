{# PL/pgSQL steps as a transaction of their own. Whether dbt commits what an operation does depends on its version: this does not. #}
{% macro _run_steps(table, purpose, steps, keep_error=false) %}
    {%- do run_query('begin;\n' ~ pgstream._attempt(table, purpose, steps, keep_error=keep_error) ~ ';\ncommit') -%}
{% endmacro %}
