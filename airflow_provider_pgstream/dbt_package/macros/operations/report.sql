{# One row per stream table of the catalog, or for the one that is named. #}
{% macro states(table=none) %}
    {%- set engine = pgstream.engine() -%}
    {%- set query %}
        select
            {{ engine.schema_name }} as schema,
            {{ engine.name }} as name,
            status,
            refresh_mode,
            schedule,
            is_populated,
            consecutive_errors,
            round(extract(epoch from clock_timestamp() - data_timestamp)) as staleness,
            case
                when schedule ~ '^([0-9]+[smhdw])+$' or schedule ~ '^[0-9]+$'
                    then {{ engine.schema }}.parse_duration_seconds(schedule)
            end as schedule_seconds
        from {{ engine.stream_tables }}
        {%- if table is not none %}
        where {{ engine.schema_name }} = {{ pgstream.literal(table.schema) }} and {{ engine.name }} = {{ pgstream.literal(table.identifier) }}
        {%- endif %}
        order by 1, 2
    {%- endset -%}
    {{ return(pgstream.rows(query)) }}
{% endmacro %}


{% macro pgstream_status(model_name=none) %}
    {%- set table = none if model_name is none else pgstream.table_named('pgstream_status', model_name) -%}
    {%- if table is not none -%}
        {%- do pgstream.look_at_existing(table) -%}
    {%- endif -%}
    {%- if not pgstream.require_engine().served -%}
        {%- do pgstream.say("no pg_stream scheduler serves database '" ~ target.dbname ~ "': schedules are not kept") -%}
    {%- endif -%}
    {%- for state in pgstream.states(table) -%}
        {%- do pgstream.say(
            state.schema ~ '.' ~ state.name ~ ': ' ~ pgstream.status_word(state.status) ~ ', ' ~ state.refresh_mode
            ~ ', schedule ' ~ (state.schedule or 'null')
            ~ (', data of ' ~ state.staleness | int ~ ' s ago' if state.is_populated and state.staleness is not none else ', never populated')
            ~ (', ' ~ state.consecutive_errors ~ ' errors in a row' if state.consecutive_errors else '')) -%}
    {%- else -%}
        {%- do pgstream.say("there are no stream tables in database '" ~ target.dbname ~ "'") -%}
    {%- endfor -%}
{% endmacro %}


{% macro status_word(status) %}
    {{ return('SUSPENDED (paused)' if status == 'SUSPENDED' else status) }}
{% endmacro %}


{#
    Prints a line per verdict {'name', 'level': OK | WARN | SKIP | ERROR, 'text'} and fails if one is an error.
#}
{% macro conclude(operation, verdicts) %}
    {%- for one in verdicts -%}
        {%- do pgstream.say(one.name ~ ': ' ~ one.level ~ (' ' ~ one.text if one.text else '')) -%}
    {%- endfor -%}
    {%- set wrong = verdicts | selectattr('level', 'equalto', 'ERROR') | list -%}
    {%- if wrong -%}
        {%- set lines = [] -%}
        {%- for one in wrong -%}
            {%- do lines.append(one.name ~ ': ' ~ one.text) -%}
        {%- endfor -%}
        {{ exceptions.raise_compiler_error(operation ~ " found " ~ wrong | length ~ " of " ~ verdicts | length ~ " in error:\n  " ~ lines | join('\n  ')) }}
    {%- endif -%}
{% endmacro %}


{# A check of everything must not pass because nothing was ever built. #}
{% macro refuse_empty_catalog(operation) %}
    {%- set expected = pgstream.stream_table_models() -%}
    {%- if expected -%}
        {{ exceptions.raise_compiler_error(operation ~ ": none of the " ~ expected | length ~ " stream table models of this project is in database '" ~ target.dbname ~ "': create them with dbt run") }}
    {%- endif -%}
    {%- do pgstream.say("there are no stream tables in database '" ~ target.dbname ~ "'") -%}
{% endmacro %}
