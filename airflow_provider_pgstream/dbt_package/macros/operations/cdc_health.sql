{# Whether every change of the sources is captured: of all sources, or of those that one stream table reads. #}
{% macro pgstream_check_cdc_health(model_name=none) %}
    {%- set operation = 'pgstream_check_cdc_health' -%}
    {%- set table = none if model_name is none else pgstream._existing_table(operation, model_name) -%}
    {%- set outcomes = [] -%}
    {%- for state in pgstream._states(table) -%}
        {%- set problem = pgstream._problem_of(state) -%}
        {%- if state.status == 'ERROR' or table is not none and problem is not none -%}
            {%- do pgstream._report(outcomes, state.qualified_name, 'ERROR', problem) -%}
        {%- endif -%}
    {%- else -%}
        {%- do pgstream._refuse_empty_catalog(operation) -%}
    {%- endfor -%}
    {%- for source in pgstream._sources(table) -%}
        {%- do pgstream._report(outcomes, source.name, 'ERROR' if source.problem else 'OK', source.problem or source.cdc_mode) -%}
    {%- else -%}
        {%- if table is not none and not outcomes -%}
            {%- do pgstream._report(outcomes, pgstream._qualified_name(table), 'OK', 'it reads no ordinary table, so nothing is captured for it') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do pgstream._conclude(operation, outcomes, 'in error') -%}
{% endmacro %}
