{#
    The model's query as the engine can take it. It puts the query inside parentheses, so a final `;` or a final
    `--` comment is a syntax error there: both are left off. Strings and quoted names are recognised, so that
    nothing inside them is taken for either.
#}
{% macro engine_query(sql) %}
    {%- set token = "(?s)"
        ~ "(?P<trivia>\\s+|;|--[^\\n]*|/\\*.*?\\*/)"
        ~ "|[eE]'(?:[^'\\\\]|''|\\\\.)*'"
        ~ "|'(?:[^']|'')*'"
        ~ '|"(?:[^"]|"")*"'
        ~ "|(?P<dollar>\\$(?:[^\\W\\d]\\w*)?\\$).*?(?P=dollar)"
        ~ "|\\w+|." -%}
    {%- set last = namespace(end=0) -%}
    {%- for found in modules.re.finditer(token, sql) if not found.group('trivia') -%}
        {%- set last.end = found.end() -%}
    {%- endfor -%}
    {{ return(sql[:last.end] | trim) }}
{% endmacro %}
