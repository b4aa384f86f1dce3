{# Raises a sentence as an error of the database, which is what went wrong; not as one of the project. #}
{% macro _fail(sentence) %}
    {%- do exceptions.raise_database_error(sentence) -%}
{% endmacro %}
