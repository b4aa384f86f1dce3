{% macro _literal(value) %}
    {%- if value is none -%}
        {{ return('null') }}
    {%- elif value is boolean or value is number -%}
        {{ return(value | string | lower) }}
    {%- endif -%}
    {{ return("'" ~ (value | string | replace("'", "''")) ~ "'") }}
{% endmacro %}


{% macro _identifier(name) %}
    {{ return('"' ~ (name | string | replace('"', '""')) ~ '"') }}
{% endmacro %}


{# The engine splits a name at its first dot and unquotes nothing, so it is always sent schema and name. #}
{% macro _qualified_name(relation) %}
    {{ return(relation.schema ~ '.' ~ relation.identifier) }}
{% endmacro %}


{# A do block whose quotes cannot be closed by anything in its body, a model's query for instance. #}
{% macro _do_block(body) %}
    {%- set tag = namespace(name='pgstream') -%}
    {%- for _ in range(100) if ('$' ~ tag.name ~ '$') in body -%}
        {%- set tag.name = tag.name ~ '_' -%}
    {%- endfor -%}
    {{ return('do $' ~ tag.name ~ '$' ~ body ~ '$' ~ tag.name ~ '$') }}
{% endmacro %}


{#
    The rows of a query as a list of dictionaries. They travel as one JSON text, because agate guesses types
    from values: a schedule of '90' would arrive as a number, and the text 'null' as nothing.
#}
{% macro _rows(query, auto_begin=false) %}
    {%- call statement('pgstream_rows', fetch_result=true, auto_begin=auto_begin) -%}
        select coalesce(json_agg(row_to_json(found)), '[]')::text as found
        from ({{ query }}) as found
    {%- endcall -%}
    {{ return(fromjson(load_result('pgstream_rows')['data'][0][0])) }}
{% endmacro %}
