{# The one refusal of a value: of a model's configuration, a var, an operation's argument. #}
{% macro _refuse_value(subject, value, expected) %}
    {%- set shown = 'null' if value is none else value | string | lower if value is boolean else "'" ~ value ~ "'" -%}
    {%- do exceptions.raise_compiler_error(subject ~ ' is ' ~ shown ~ ', expected ' ~ expected) -%}
{% endmacro %}


{% macro _choice(subject, value, allowed) %}
    {%- set word = value | string | trim | upper -%}
    {%- if value is not string or word not in allowed -%}
        {%- do pgstream._refuse_value(subject, value, 'one of ' ~ allowed | join(', ')) -%}
    {%- endif -%}
    {{ return(word) }}
{% endmacro %}


{% macro _seconds(subject, value, expected='seconds, 0 or more') %}
    {%- set seconds = value | float(-1) -%}
    {%- if value is boolean or seconds < 0 -%}
        {%- do pgstream._refuse_value(subject, value, expected) -%}
    {%- endif -%}
    {{ return(seconds) }}
{% endmacro %}
