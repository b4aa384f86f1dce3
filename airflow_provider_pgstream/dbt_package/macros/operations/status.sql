{#
    Prints a table of the stream tables, or of one, and returns what it shows: for other macros, which say `quiet`, a
    dictionary of each by `schema.table`.
#}
{% macro pgstream_status(model_name=none, quiet=false) %}
    {%- set table = none if model_name is none else pgstream._existing_table('pgstream_status', model_name) -%}
    {%- set states = {} -%}
    {%- for state in pgstream._states(table) -%}
        {%- do state.update({'problem': pgstream._problem_of(state)}) -%}
        {%- do states.update({state.qualified_name: state}) -%}
    {%- endfor -%}
    {%- if not quiet -%}
        {%- do pgstream._print_states(states.values() | list) -%}
    {%- endif -%}
    {{ return(states) }}
{% endmacro %}


{% macro _print_states(states) %}
    {%- if not pgstream._is_served() -%}
        {%- do pgstream._print(pgstream._no_scheduler() ~ ': schedules are not kept') -%}
    {%- endif -%}
    {%- if not states -%}
        {%- do pgstream._print(pgstream._no_stream_tables()) -%}
        {{ return('') }}
    {%- endif -%}
    {%- set lines = [['stream table', 'status', 'mode', 'schedule', 'data', 'errors']] -%}
    {%- for state in states -%}
        {%- do lines.append([
            state.qualified_name,
            state.status ~ (' (paused)' if pgstream._is_paused(state) else ''),
            state.refresh_mode,
            state.schedule or 'null',
            'of ' ~ state.staleness | int ~ ' s ago' if state.is_populated and state.staleness is not none else 'never populated',
            (state.consecutive_errors ~ ' in a row' if state.consecutive_errors else '0') ~ (', a source is gone' if state.source_is_gone else '') ~ (': ' ~ state.last_error if state.last_error else ''),
        ]) -%}
    {%- endfor -%}
    {%- do pgstream._print_table(lines) -%}
{% endmacro %}


{# Lines of texts, the first of them a heading, in columns. #}
{% macro _print_table(lines) %}
    {%- set widths = [] -%}
    {%- for number in range(lines[0] | length) -%}
        {%- do widths.append(lines | map(attribute=number) | map('length') | max) -%}
    {%- endfor -%}
    {%- for line in lines -%}
        {%- set cells = [] -%}
        {%- for text in line -%}
            {%- do cells.append(text.ljust(widths[loop.index0])) -%}
        {%- endfor -%}
        {%- do pgstream._print(cells | join('  ') | trim) -%}
    {%- endfor -%}
{% endmacro %}
