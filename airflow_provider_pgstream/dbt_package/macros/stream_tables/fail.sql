{# Raises a sentence as an error of the database, which is what went wrong; not as one of the project. #}
{% macro _fail(sentence) %}
    {%- set body = "begin raise exception '%', " ~ pgstream._literal(sentence) ~ '; end' -%}
    {%- do run_query(pgstream._do_block(body)) -%}
{% endmacro %}
