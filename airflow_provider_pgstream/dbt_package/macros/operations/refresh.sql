{% macro pgstream_refresh(model_name) %}
    {%- set table = pgstream.table_named('pgstream_refresh', model_name) -%}
    {%- do pgstream.must_exist(table) -%}
    {%- do run_query(pgstream.attempt(table, 'refreshed', pgstream.refresh_steps(table))) -%}
    {%- do log(pgstream.engine_name(table) ~ ': refreshed', info=true) -%}
{% endmacro %}
