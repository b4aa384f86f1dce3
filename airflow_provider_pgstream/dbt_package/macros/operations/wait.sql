{# Fails at once where nothing will populate the table. #}
{% macro pgstream_wait_for_populated(model_name, timeout_seconds=300) %}
    {%- set table = pgstream.table_named('pgstream_wait_for_populated', model_name) -%}
    {%- set seconds = pgstream.seconds('pgstream_wait_for_populated', 'timeout_seconds', timeout_seconds) -%}
    {%- set found = pgstream.look_at_existing(table) -%}
    {%- if not found.is_populated and not pgstream.require_engine().served -%}
        {{ exceptions.raise_compiler_error("stream table " ~ pgstream.engine_name(table) ~ " is not populated, and no pg_stream scheduler serves database '" ~ target.dbname ~ "': nothing will populate it. dbt run-operation pgstream_refresh --args '{model_name: " ~ model_name ~ "}' does") }}
    {%- endif -%}
    {%- do pgstream.wait_for_populated(table, seconds) -%}
    {%- do pgstream.say(pgstream.engine_name(table) ~ ': populated') -%}
{% endmacro %}


{# An operation's argument as a number of seconds. #}
{% macro seconds(operation, argument, value) %}
    {%- set seconds = value | float(-1) -%}
    {%- if value is boolean or seconds < 0 -%}
        {{ exceptions.raise_compiler_error(operation ~ ": " ~ argument ~ " is '" ~ value ~ "', expected seconds, 0 or more") }}
    {%- endif -%}
    {{ return(seconds) }}
{% endmacro %}
