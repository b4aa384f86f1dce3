{# Fails at once where nothing will populate the table. #}
{% macro pgstream_wait_for_populated(model_name, timeout_seconds=300) %}
    {%- set operation = 'pgstream_wait_for_populated' -%}
    {%- set seconds = pgstream._seconds(operation ~ ': timeout_seconds', timeout_seconds) -%}
    {%- set table = pgstream._existing_table(operation, model_name) -%}
    {%- if not pgstream._find(table).is_populated and not (pgstream._is_served() and pgstream._engine().scheduler_populates) -%}
        {%- set why = 'the scheduler of ' ~ pgstream._engine().extension ~ ' populates none' if pgstream._is_served() else pgstream._no_scheduler() -%}
        {%- do exceptions.raise_compiler_error("stream table " ~ pgstream._qualified_name(table) ~ " is not populated, and " ~ why ~ ": nothing will populate it. dbt run-operation pgstream_refresh --args '{model_name: " ~ model_name ~ "}' does") -%}
    {%- endif -%}
    {%- do pgstream._wait_for_populated(table, seconds) -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ': populated') -%}
{% endmacro %}
