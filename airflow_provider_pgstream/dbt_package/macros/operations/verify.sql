{# Compares a stream table with its own query, both ways, and changes nothing. Example rows are people's data: shown when asked for. #}
{% macro pgstream_verify(model_name, limit=0) %}
    {%- set table = pgstream._existing_table('pgstream_verify', model_name) -%}
    {%- set name = pgstream._qualified_name(table) -%}
    {%- if not pgstream._find(table).is_populated -%}
        {%- do exceptions.raise_compiler_error("stream table " ~ name ~ " is not verified: it was never populated, so its readers see no rows: dbt run-operation pgstream_refresh --args '{model_name: " ~ model_name ~ "}'") -%}
    {%- endif -%}
    {%- set found = pgstream._verify(table, limit | int) -%}
    {%- if found.error -%}
        {%- do pgstream._fail(found.error) -%}
    {%- endif -%}
    {%- if found.warning -%}
        {%- do exceptions.warn(found.warning) -%}
    {%- endif -%}
    {%- set compared = 'compared ' ~ found.compared ~ (', action ' ~ found.action if found.action else '') -%}
    {%- if not found.surplus and not found.missing -%}
        {%- do pgstream._print(name ~ ': OK it holds what its query gives (' ~ compared ~ ')') -%}
        {{ return('') }}
    {%- endif -%}
    {%- for what, rows in [('is missing', found.missing_examples), ('should not be there', found.surplus_examples)] -%}
        {%- for row in rows -%}
            {%- do pgstream._print(name ~ ': ' ~ what ~ ' ' ~ row) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set differs = 'stream table ' ~ name ~ ' differs from its query: ' ~ found.missing ~ ' rows are missing, ' ~ found.surplus ~ ' should not be there (' ~ compared ~ ')' -%}
    {%- if found.lag -%}
        {%- do pgstream._print(name ~ ': WARN ' ~ differs ~ '. This may be lag: ' ~ found.lag) -%}
        {{ return('') }}
    {%- endif -%}
    {%- do exceptions.raise_compiler_error(differs ~ ". dbt run-operation pgstream_repair --args '{model_name: " ~ model_name ~ "}' recomputes it") -%}
{% endmacro %}
