{% macro pgstream_status(model_name=none) %}
    {%- set table = none if model_name is none else pgstream._existing_table('pgstream_status', model_name) -%}
    {%- if not pgstream._is_served() -%}
        {%- do pgstream._print(pgstream._no_scheduler() ~ ': schedules are not kept') -%}
    {%- endif -%}
    {%- for state in pgstream._states(table) -%}
        {%- do pgstream._print(
            state.qualified_name ~ ': ' ~ ('SUSPENDED (paused)' if state.status == 'SUSPENDED' else state.status) ~ ', ' ~ state.refresh_mode
            ~ ', schedule ' ~ (state.schedule or 'null')
            ~ (', data of ' ~ state.staleness | int ~ ' s ago' if state.is_populated and state.staleness is not none else ', never populated')
            ~ (', ' ~ state.consecutive_errors ~ ' errors in a row' if state.consecutive_errors else '')) -%}
    {%- else -%}
        {%- do pgstream._print(pgstream._no_stream_tables()) -%}
    {%- endfor -%}
{% endmacro %}
