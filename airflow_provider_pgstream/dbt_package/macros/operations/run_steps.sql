{# PL/pgSQL steps as a transaction of their own, otherwise as `_run_attempt`. Whether dbt commits what an operation does depends on its version: this does not. #}
{% macro _run_steps(table, purpose, steps, keep_error=false) %}
    {%- do run_query('begin;\n' ~ pgstream._attempt(table, purpose, steps) ~ ';\ncommit') -%}
    {%- set error = pgstream._rows("select current_setting('pgstream.error') as text")[0].text -%}
    {{ return(pgstream._attempted(table, purpose, error, keep_error)) }}
{% endmacro %}
