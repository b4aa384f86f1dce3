{% macro pgstream_pause(model_name) %}
    {%- set table = pgstream.table_named('pgstream_pause', model_name) -%}
    {%- do pgstream.look_at_existing(table) -%}
    {%- do pgstream.execute_steps(table, 'paused', pgstream.alter_steps(table, {'status': 'SUSPENDED'})) -%}
    {%- do pgstream.say(pgstream.engine_name(table) ~ ': SUSPENDED (paused)') -%}
{% endmacro %}


{# Also takes back what errors suspended: the engine counts them from zero again. #}
{% macro pgstream_resume(model_name) %}
    {%- set table = pgstream.table_named('pgstream_resume', model_name) -%}
    {%- do pgstream.look_at_existing(table) -%}
    {%- do pgstream.execute_steps(table, 'resumed', pgstream.alter_steps(table, {'status': 'ACTIVE'})) -%}
    {%- do pgstream.say(pgstream.engine_name(table) ~ ': ACTIVE (resumed)') -%}
{% endmacro %}
