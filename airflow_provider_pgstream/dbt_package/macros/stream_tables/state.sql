{# One row per stream table of the catalog, or for the one that is named. #}
{% macro _states(table=none) %}
    {%- set engine = pgstream._engine() -%}
    {%- set query %}
        select
            st.{{ engine.schema_name }} as schema,
            st.{{ engine.name }} as name,
            st.{{ engine.schema_name }} || '.' || st.{{ engine.name }} as qualified_name,
            status,
            refresh_mode,
            {{ engine.schedule }} as schedule,
            is_populated,
            consecutive_errors,
            {{ engine.last_error }} as last_error,
            round(extract(epoch from clock_timestamp() - {{ engine.fresh_as_of }})) as staleness,
            case
                when st.schedule ~ '^([0-9]+[smhdw])+$' or st.schedule ~ '^[0-9]+$'
                    then {{ engine.duration_seconds }}(st.schedule)
            end as schedule_seconds
        from {{ engine.catalog }} as st
        {%- if table is not none %}
        where {{ pgstream._is_row_of(table) }}
        {%- endif %}
        order by 1, 2
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}


{# Why a stream table's age says nothing good about it, whatever that is; or none. #}
{% macro _problem_of(state) %}
    {%- if state.status == 'ERROR' -%}
        {{ return('status is ERROR: ' ~ (state.last_error or 'a source is gone or was recreated') ~ '; dbt run rebuilds it') }}
    {%- elif state.status == 'SUSPENDED' and state.consecutive_errors -%}
        {{ return('SUSPENDED by ' ~ state.consecutive_errors ~ ' errors in a row: remove the cause, then pgstream_resume') }}
    {%- elif state.status == 'SUSPENDED' -%}
        {{ return('SUSPENDED (paused): pgstream_resume starts it again') }}
    {%- elif not state.is_populated or state.staleness is none -%}
        {{ return('never populated: pgstream_refresh populates it') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
