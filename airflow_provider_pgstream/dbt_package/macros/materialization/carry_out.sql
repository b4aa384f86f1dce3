{# Does what was planned, in one statement, and leaves the word for it in dbt's line about the model. #}
{% macro carry_out(plan, found, table, query, settings) %}
    {%- set done = {'create': 'created', 'replace': 'recreated', 'alter': 'altered', 'nothing': 'skip', 'build_plain': 'built'}[plan.action] -%}
    {%- set said = done if plan.action == 'nothing' else done ~ ': ' ~ plan.reason -%}
    {%- set refreshes = plan.action in ('alter', 'nothing') and pgstream.must_refresh(plan, found, table, settings) -%}
    {%- if refreshes -%}
        {%- set done = 'refreshed' if plan.action == 'nothing' else 'altered and refreshed' -%}
        {%- set said = done if plan.action == 'nothing' else done ~ ': ' ~ plan.reason -%}
    {%- endif -%}

    {%- if found.oid is not none and plan.action in ('create', 'replace', 'build_plain') -%}
        {%- do pgstream.log_dependents(table, pgstream.dependents(found.oid)) -%}
        {%- do adapter.cache_dropped(table) -%}
    {%- endif -%}
    {%- set steps = pgstream.steps_for(plan, found, table, query, settings, refreshes) -%}
    {%- if steps | trim -%}
        {%- call statement('pgstream_steps', auto_begin=true) -%}
            {{ pgstream.attempt(table, done, steps) }}
        {%- endcall -%}
    {%- endif -%}
    {%- if plan.action in ('replace', 'alter') -%}
        {%- do log(pgstream.engine_name(table) ~ ' is ' ~ said, info=true) -%}
    {%- endif -%}
    {%- do store_raw_result('main', message=said, code=done, rows_affected='-1') -%}
{% endmacro %}


{% macro steps_for(plan, found, table, query, settings, refreshes) %}
    {%- set steps = [] -%}
    {%- if plan.action in ('create', 'replace', 'build_plain') -%}
        {%- do steps.append(pgstream.drop_steps(table, found)) -%}
        {%- if not found.schema_exists -%}
            {%- do steps.append('            create schema ' ~ pgstream.identifier(table.schema) ~ ';') -%}
        {%- endif -%}
    {%- endif -%}
    {%- if plan.action in ('create', 'replace') -%}
        {%- do steps.append(pgstream.create_steps(table, query, settings)) -%}
    {%- elif plan.action == 'build_plain' -%}
        {%- do steps.append('            create table ' ~ table.include(database=false) ~ ' as ' ~ query ~ ';') -%}
    {%- elif plan.action == 'alter' -%}
        {%- do steps.append(pgstream.alter_steps(table, plan.changes)) -%}
    {%- endif -%}
    {%- if refreshes -%}
        {%- do steps.append(pgstream.refresh_steps(table)) -%}
    {%- endif -%}
    {{ return(steps | join('\n')) }}
{% endmacro %}


{# Only what changed is sent. #}
{% macro alter_steps(table, changes) %}
    {%- set arguments = [pgstream.literal(pgstream.engine_name(table))] -%}
    {%- for key, value in changes.items() -%}
        {%- do arguments.append(key ~ ' => ' ~ pgstream.literal(value)) -%}
    {%- endfor -%}
    {{ return('            perform ' ~ pgstream.engine().alter ~ '(' ~ arguments | join(', ') ~ ');') }}
{% endmacro %}
