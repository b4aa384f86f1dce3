{#
    The model's query as the engine can take it. It puts the query inside parentheses, so a final `;` or a final
    `--` comment is a syntax error there: both are left off. Strings and quoted names are recognised, so that
    nothing inside them is taken for either.
#}
{% macro _query_text(sql) %}
    {%- set pieces = "(?s)"
        ~ "(?P<trivia>(?:\\s|;|--[^\\n]*|/\\*.*?\\*/)+)"
        ~ "|(?:[eE]'(?:[^'\\\\]|''|\\\\.)*'"
        ~ "|'(?:[^']|'')*'"
        ~ '|"(?:[^"]|"")*"'
        ~ "|(?P<dollar>\\$(?:[^\\W\\d]\\w*)?\\$).*?(?P=dollar)"
        ~ "|\\w+|[^\\s;])" -%}
    {%- set last = (modules.re.finditer(pieces, sql) | list | last) -%}
    {{ return((sql[:last.start()] if last and last.group('trivia') else sql) | trim) }}
{% endmacro %}
