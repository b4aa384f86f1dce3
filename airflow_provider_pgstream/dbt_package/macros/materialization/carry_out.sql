{# Does what was planned, in one statement, and leaves the word for it in dbt's line about the model. #}
{% macro carry_out(plan, found, table, query, settings) %}
    {%- set words = {'create': 'created', 'replace': 'recreated', 'alter': 'altered', 'nothing': 'skip'} -%}
    {%- set steps = pgstream.steps_for(plan, found, table, query, settings) -%}
    {%- set said = words[plan.action] ~ (': ' ~ plan.reason if plan.action != 'nothing' else '') -%}
    {%- if steps | trim -%}
        {%- if plan.action == 'nothing' -%}
            {%- set said = 'refreshed' -%}
        {%- endif -%}
        {%- if found.oid is not none and plan.action in ('create', 'replace') -%}
            {%- do adapter.cache_dropped(table) -%}
        {%- endif -%}
        {%- call statement('pgstream_steps', auto_begin=true) -%}
            {{ pgstream.attempt(table, said.split(':')[0], steps) }}
        {%- endcall -%}
    {%- endif -%}
    {%- if plan.action in ('replace', 'alter') -%}
        {%- do log(pgstream.engine_name(table) ~ ' is ' ~ said, info=true) -%}
    {%- endif -%}
    {%- do store_raw_result('main', message=said, code=said.split(':')[0], rows_affected='-1') -%}
{% endmacro %}


{% macro steps_for(plan, found, table, query, settings) %}
    {%- if plan.action in ('create', 'replace') -%}
        {{ return(pgstream.drop_steps(table, found) ~ pgstream.create_steps(table, query, settings)) }}
    {%- endif -%}
    {%- set steps = [] -%}
    {%- if plan.action == 'alter' -%}
        {%- do steps.append(pgstream.alter_steps(table, plan.changes)) -%}
    {%- endif -%}
    {{ return(steps | join('\n')) }}
{% endmacro %}


{% macro alter_steps(table, changes) %}
    {%- set arguments = [pgstream.literal(pgstream.engine_name(table))] -%}
    {%- for key, value in changes.items() -%}
        {%- do arguments.append(key ~ ' => ' ~ pgstream.literal(value)) -%}
    {%- endfor -%}
    {{ return('            perform ' ~ pgstream.engine().alter ~ '(' ~ arguments | join(', ') ~ ');') }}
{% endmacro %}
