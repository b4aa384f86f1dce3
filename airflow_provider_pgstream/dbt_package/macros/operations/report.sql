{% macro _print(line) %}
    {%- do log(line, info=true) -%}
{% endmacro %}


{# Prints what became of one of several, and adds it to them. The level is OK, WARN, SKIP, ERROR, or none for work that was done. #}
{% macro _report(outcomes, name, level, text) %}
    {%- do pgstream._print(name ~ ': ' ~ [level, text] | select | join(' ')) -%}
    {%- do outcomes.append({'name': name, 'level': level, 'text': text}) -%}
{% endmacro %}


{# Fails if one of several is in error, and repeats which. #}
{% macro _conclude(operation, outcomes, what) %}
    {%- set lines = [] -%}
    {%- for one in outcomes if one.level == 'ERROR' -%}
        {%- do lines.append('\n  ' ~ one.name ~ ': ' ~ one.text) -%}
    {%- endfor -%}
    {%- if lines -%}
        {%- do exceptions.raise_compiler_error(operation ~ ': ' ~ lines | length ~ ' of ' ~ outcomes | length ~ ' ' ~ what ~ ':' ~ lines | join) -%}
    {%- endif -%}
{% endmacro %}


{# A check of everything must not pass because nothing was ever built. #}
{% macro _refuse_empty_catalog(operation) %}
    {%- set expected = pgstream._stream_table_models() | length -%}
    {%- if expected -%}
        {%- do exceptions.raise_compiler_error(operation ~ ": none of the " ~ expected ~ " stream table models of this project is in database '" ~ target.dbname ~ "': create them with dbt run") -%}
    {%- endif -%}
    {%- do pgstream._print(pgstream._no_stream_tables()) -%}
{% endmacro %}


{% macro _no_stream_tables() %}
    {{ return("there are no stream tables in database '" ~ target.dbname ~ "'") }}
{% endmacro %}
