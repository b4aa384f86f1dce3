{#
    Without a limit those of 600 and 1800 seconds are kept; with one of them that one alone. What is paused is told apart from
    what is stale: nobody refreshes it, and that is what there is to do about it.
#}
{% macro pgstream_check_freshness(model_name=none, warn_seconds=none, error_seconds=none) %}
    {%- set operation = 'pgstream_check_freshness' -%}
    {%- set limits = pgstream._freshness_limits(operation, warn_seconds, error_seconds) -%}
    {%- set table = none if model_name is none else pgstream._existing_table(operation, model_name) -%}
    {%- set paused = pgstream._names_paused_by_models() -%}
    {%- set outcomes = [] -%}
    {%- for state in pgstream._states(table) -%}
        {%- set outcome = pgstream._freshness_of(state, limits, paused, table is not none) -%}
        {%- do pgstream._report(outcomes, state.qualified_name, outcome.level, outcome.text) -%}
        {%- if state.schedule_seconds is not none and limits.error is not none and limits.error < state.schedule_seconds -%}
            {%- do pgstream._print(state.qualified_name ~ ': error_seconds (' ~ limits.error | int ~ ') is shorter than its schedule (' ~ state.schedule ~ '): it will often be too old') -%}
        {%- endif -%}
    {%- else -%}
        {%- do pgstream._refuse_empty_catalog(operation) -%}
    {%- endfor -%}
    {%- do pgstream._conclude(operation, outcomes, 'in error') -%}
{% endmacro %}


{% macro _freshness_limits(operation, warn_seconds, error_seconds) %}
    {%- if warn_seconds is none and error_seconds is none -%}
        {{ return({'warn': 600.0, 'error': 1800.0}) }}
    {%- endif -%}
    {%- set limits = {'warn': none, 'error': none} -%}
    {%- for key, value in [('warn', warn_seconds), ('error', error_seconds)] if value is not none -%}
        {%- do limits.update({key: pgstream._seconds(operation ~ ': ' ~ key ~ '_seconds', value)}) -%}
    {%- endfor -%}
    {%- if none not in limits.values() | list and limits.warn > limits.error -%}
        {%- do exceptions.raise_compiler_error(operation ~ ": warn_seconds (" ~ limits.warn | int ~ ") is above error_seconds (" ~ limits.error | int ~ ")") -%}
    {%- endif -%}
    {{ return(limits) }}
{% endmacro %}


{% macro _freshness_of(state, limits, paused, is_named) %}
    {%- set problem = pgstream._problem_of(state) -%}
    {%- if pgstream._is_paused(state) and state.qualified_name in paused and not is_named -%}
        {{ return({'level': 'SKIP', 'text': 'paused by its model'}) }}
    {%- elif pgstream._is_paused(state) -%}
        {{ return({'level': 'PAUSED', 'text': problem}) }}
    {%- elif problem is not none -%}
        {{ return({'level': 'ERROR', 'text': problem}) }}
    {%- endif -%}
    {%- set age = 'data of ' ~ state.staleness | int ~ ' s ago' -%}
    {%- if limits.error is not none and state.staleness > limits.error -%}
        {{ return({'level': 'ERROR', 'text': age ~ ', more than ' ~ limits.error | int}) }}
    {%- elif limits.warn is not none and state.staleness > limits.warn -%}
        {{ return({'level': 'WARN', 'text': age ~ ', more than ' ~ limits.warn | int}) }}
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
