{% macro pgstream_pause(model_name) %}
    {%- set table = pgstream._existing_table('pgstream_pause', model_name) -%}
    {%- do pgstream._run_steps(table, 'paused', pgstream._alter_steps(table, {'status': 'SUSPENDED'})) -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ': SUSPENDED (paused)') -%}
{% endmacro %}


{#
    Also resumes what errors suspended: the engine counts them from zero again. Where its scheduler would take an empty
    one for populated, it is populated here.
#}
{% macro pgstream_resume(model_name) %}
    {%- set table = pgstream._existing_table('pgstream_resume', model_name) -%}
    {%- set is_empty = not pgstream._find(table).is_populated -%}
    {%- do pgstream._run_steps(table, 'resumed', pgstream._alter_steps(table, {'status': 'ACTIVE'})) -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ACTIVE (resumed)') -%}
    {%- if is_empty and not pgstream._engine().scheduler_populates -%}
        {%- set outcome = pgstream._refresh_or_fail(table, 'populated', full=true) -%}
        {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ' ~ pgstream._told(outcome, 'populated')) -%}
    {%- endif -%}
{% endmacro %}
