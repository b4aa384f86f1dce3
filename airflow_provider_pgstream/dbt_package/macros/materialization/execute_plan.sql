{# Does what was planned, and leaves what was done in dbt's line about the model. #}
{% macro _execute_plan(plan, found, table, query, settings) %}
    {%- if plan.action == 'requery' and not pgstream._requery(table, query) -%}
        {%- do pgstream._refuse_to_recreate(plan.reason) -%}
        {%- do plan.update({'action': 'replace'}) -%}
        {%- do pgstream._take_creation_lock(table) -%}
    {%- endif -%}
    {%- set done = {'create': 'created', 'replace': 'recreated', 'alter': 'altered', 'nothing': 'skip', 'requery': 'altered', 'build_plain': 'built'}[plan.action] -%}
    {%- set creates = plan.action in ('create', 'replace', 'build_plain') -%}
    {%- if creates and found.oid is not none -%}
        {%- do pgstream._log_dependents(table, pgstream._dependents(found.oid)) -%}
        {%- do adapter.cache_dropped(table) -%}
    {%- endif -%}
    {%- if creates and plan.action != 'build_plain' and pgstream._populates(settings) -%}
        {%- do pgstream._create_populated(table, done, found, query, settings) -%}
    {%- elif creates -%}
        {%- do pgstream._run_in_model(table, done, pgstream._creation_steps(plan, found, table, query, settings)) -%}
        {%- do create_indexes(table) -%}
    {%- elif plan.action == 'alter' -%}
        {%- do pgstream._run_in_model(table, done, pgstream._alter_steps(table, plan.changes)) -%}
    {%- endif -%}
    {%- if plan.action in ('alter', 'nothing') and pgstream._must_refresh(plan, found, table, settings) -%}
        {%- if pgstream._refresh_in_model(table, settings).action -%}
            {%- set done = 'refreshed' if plan.action == 'nothing' else 'altered and refreshed' -%}
        {%- endif -%}
    {%- endif -%}
    {%- set said = done if plan.action == 'nothing' else done ~ ': ' ~ plan.reason -%}
    {%- if plan.action in ('replace', 'alter', 'requery') -%}
        {%- do pgstream._print(pgstream._qualified_name(table) ~ ' is ' ~ said) -%}
    {%- endif -%}
    {%- do store_raw_result('main', message=said, code=done, rows_affected='-1') -%}
{% endmacro %}


{# Gives it the query in place; returns whether the engine made of it what it should. A refresh of its own. #}
{% macro _requery(table, query) %}
    {%- set outcome = pgstream._refresh(table, 'altered', query=query) -%}
    {%- if outcome.error -%}
        {%- do pgstream._fail(outcome.error) -%}
    {%- endif -%}
    {%- do run_query('begin') -%}
    {{ return(outcome.kind == 'done') }}
{% endmacro %}


{# Steps of the transaction that dbt has open for the model. #}
{% macro _run_in_model(table, purpose, steps, keep_error=false) %}
    {%- call statement('pgstream_steps', auto_begin=true) -%}
        {{ pgstream._attempt(table, purpose, steps, keep_error=keep_error) }}
    {%- endcall -%}
{% endmacro %}


{# A refresh ends the transaction that dbt has open for the model; another one goes on after it. #}
{% macro _refresh_in_model(table, settings) %}
    {%- set outcome = pgstream._refresh_or_fail(table, 'refreshed', unless_populated=settings.refresh != 'always') -%}
    {%- if outcome.action -%}
        {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ' ~ pgstream._told(outcome, 'refreshed')) -%}
    {%- endif -%}
    {%- do run_query('begin') -%}
    {{ return(outcome) }}
{% endmacro %}


{# What takes the place of whatever is found there, in one step: a stream table that is not populated, or a plain one. #}
{% macro _creation_steps(plan, found, table, query, settings) %}
    {%- set steps = [pgstream._drop_steps(table, found), pgstream._schema_steps(table, found)] -%}
    {%- if plan.action == 'build_plain' -%}
        {%- do steps.append('            create table ' ~ table.include(database=false) ~ ' as ' ~ query ~ ';') -%}
    {%- else -%}
        {%- do steps.append(pgstream._create_steps(table, query, settings)) -%}
        {%- do steps.append(pgstream._status_steps(table, settings)) -%}
    {%- endif -%}
    {{ return(steps | join('\n')) }}
{% endmacro %}


{% macro _schema_steps(table, found) %}
    {{ return('' if found.schema_exists else '            create schema ' ~ pgstream._identifier(table.schema) ~ ';') }}
{% endmacro %}


{% macro _status_steps(table, settings) %}
    {%- set is_empty = not pgstream._find(table).is_populated -%}
    {%- set is_left = settings.status is none or settings.status == 'ACTIVE' and is_empty and not pgstream._engine().scheduler_populates -%}
    {{ return('' if is_left else pgstream._alter_steps(table, {'status': settings.status})) }}
{% endmacro %}
