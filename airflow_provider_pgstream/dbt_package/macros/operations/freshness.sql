{% macro pgstream_check_freshness(model_name=none, warn_seconds=600, error_seconds=1800) %}
    {%- set operation = 'pgstream_check_freshness' -%}
    {%- set warn_seconds = pgstream.seconds(operation, 'warn_seconds', warn_seconds) -%}
    {%- set error_seconds = pgstream.seconds(operation, 'error_seconds', error_seconds) -%}
    {%- if warn_seconds > error_seconds -%}
        {{ exceptions.raise_compiler_error(operation ~ ": warn_seconds (" ~ warn_seconds | int ~ ") is above error_seconds (" ~ error_seconds | int ~ ")") }}
    {%- endif -%}
    {%- set table = none if model_name is none else pgstream.table_named(operation, model_name) -%}
    {%- do pgstream.require_engine() if table is none else pgstream.look_at_existing(table) -%}
    {%- set paused = pgstream.names_paused_by_models() -%}
    {%- set verdicts = [] -%}
    {%- for state in pgstream.states(table) -%}
        {%- do verdicts.append(pgstream.freshness_of(state, warn_seconds, error_seconds, paused, table is not none)) -%}
        {%- if state.schedule_seconds is not none and error_seconds < state.schedule_seconds -%}
            {%- do pgstream.say(state.schema ~ '.' ~ state.name ~ ': error_seconds (' ~ error_seconds | int ~ ') is shorter than its schedule (' ~ state.schedule ~ '): it will often be too old') -%}
        {%- endif -%}
    {%- else -%}
        {%- do pgstream.refuse_empty_catalog(operation) -%}
    {%- endfor -%}
    {%- do pgstream.conclude(operation, verdicts) -%}
{% endmacro %}


{% macro freshness_of(state, warn_seconds, error_seconds, paused, is_named) %}
    {%- set name = state.schema ~ '.' ~ state.name -%}
    {%- set trouble = pgstream.trouble_of(state) -%}
    {%- if state.status == 'SUSPENDED' and not state.consecutive_errors and name in paused and not is_named -%}
        {{ return({'name': name, 'level': 'SKIP', 'text': 'paused by its model'}) }}
    {%- elif trouble is not none -%}
        {{ return({'name': name, 'level': 'ERROR', 'text': trouble}) }}
    {%- endif -%}
    {%- set age = 'data of ' ~ state.staleness | int ~ ' s ago' -%}
    {%- if state.staleness > error_seconds -%}
        {{ return({'name': name, 'level': 'ERROR', 'text': age ~ ', more than ' ~ error_seconds | int}) }}
    {%- elif state.staleness > warn_seconds -%}
        {{ return({'name': name, 'level': 'WARN', 'text': age ~ ', more than ' ~ warn_seconds | int}) }}
    {%- endif -%}
    {{ return({'name': name, 'level': 'OK', 'text': age}) }}
{% endmacro %}


{# Why a stream table's age says nothing good about it, whatever it is; or none. #}
{% macro trouble_of(state) %}
    {%- if state.status == 'ERROR' -%}
        {{ return('status is ERROR: a source is gone or was recreated; dbt run rebuilds it') }}
    {%- elif state.status == 'SUSPENDED' and state.consecutive_errors -%}
        {{ return('SUSPENDED by ' ~ state.consecutive_errors ~ ' errors in a row: mend the cause, then pgstream_resume') }}
    {%- elif state.status == 'SUSPENDED' -%}
        {{ return('SUSPENDED (paused): pgstream_resume starts it again') }}
    {%- elif not state.is_populated or state.staleness is none -%}
        {{ return('never populated: pgstream_refresh populates it') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{% macro names_paused_by_models() %}
    {%- set names = [] -%}
    {%- for node in pgstream.stream_table_models() if pgstream.is_paused_by(node) -%}
        {%- do names.append(pgstream.engine_name(pgstream.table_of(node))) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}
