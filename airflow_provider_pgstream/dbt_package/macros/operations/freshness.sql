{% macro pgstream_check_freshness(model_name=none, warn_seconds=600, error_seconds=1800) %}
    {%- set operation = 'pgstream_check_freshness' -%}
    {%- set warn_seconds = pgstream._seconds(operation ~ ': warn_seconds', warn_seconds) -%}
    {%- set error_seconds = pgstream._seconds(operation ~ ': error_seconds', error_seconds) -%}
    {%- if warn_seconds > error_seconds -%}
        {%- do exceptions.raise_compiler_error(operation ~ ": warn_seconds (" ~ warn_seconds | int ~ ") is above error_seconds (" ~ error_seconds | int ~ ")") -%}
    {%- endif -%}
    {%- set table = none if model_name is none else pgstream._existing_table(operation, model_name) -%}
    {%- set paused = pgstream._names_paused_by_models() -%}
    {%- set outcomes = [] -%}
    {%- for state in pgstream._states(table) -%}
        {%- set outcome = pgstream._freshness_of(state, warn_seconds, error_seconds, paused, table is not none) -%}
        {%- do pgstream._report(outcomes, state.qualified_name, outcome.level, outcome.text) -%}
        {%- if state.schedule_seconds is not none and error_seconds < state.schedule_seconds -%}
            {%- do pgstream._print(state.qualified_name ~ ': error_seconds (' ~ error_seconds | int ~ ') is shorter than its schedule (' ~ state.schedule ~ '): it will often be too old') -%}
        {%- endif -%}
    {%- else -%}
        {%- do pgstream._refuse_empty_catalog(operation) -%}
    {%- endfor -%}
    {%- do pgstream._conclude(operation, outcomes, 'in error') -%}
{% endmacro %}


{% macro _freshness_of(state, warn_seconds, error_seconds, paused, is_named) %}
    {%- set problem = pgstream._problem_of(state) -%}
    {%- if state.status == 'SUSPENDED' and not state.consecutive_errors and state.qualified_name in paused and not is_named -%}
        {{ return({'level': 'SKIP', 'text': 'paused by its model'}) }}
    {%- elif problem is not none -%}
        {{ return({'level': 'ERROR', 'text': problem}) }}
    {%- endif -%}
    {%- set age = 'data of ' ~ state.staleness | int ~ ' s ago' -%}
    {%- if state.staleness > error_seconds -%}
        {{ return({'level': 'ERROR', 'text': age ~ ', more than ' ~ error_seconds | int}) }}
    {%- elif state.staleness > warn_seconds -%}
        {{ return({'level': 'WARN', 'text': age ~ ', more than ' ~ warn_seconds | int}) }}
    {%- endif -%}
    {{ return({'level': 'OK', 'text': age}) }}
{% endmacro %}


{% macro _names_paused_by_models() %}
    {%- set names = [] -%}
    {%- for node in pgstream._stream_table_models() if pgstream._is_paused_by(node) -%}
        {%- do names.append(pgstream._qualified_name(pgstream._table_of(node))) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}
