{# Which models of the project an operation means. #}


{#
    The stream tables of this project that lie in a schema, or that are selected: by `tag:…` or by their names, several of
    them as a list, or in one text as dbt's own --select has them. That nothing is selected is an error.
#}
{% macro _selected_models(operation, schema=none, select=none) %}
    {%- set nodes = pgstream._stream_table_models() -%}
    {%- if schema is none and select is none -%}
        {{ return(nodes) }}
    {%- endif -%}
    {%- set wanted = select.split() if select is string else select -%}
    {%- if wanted is not none and (wanted is mapping or wanted is not iterable or not wanted) -%}
        {%- do pgstream._refuse_value(operation ~ ': select', select, "'tag:nightly', names of models, or a list of these") -%}
    {%- endif -%}
    {%- set ids = [] -%}
    {%- for one in wanted or [] -%}
        {%- set found = pgstream._models_with_tag(nodes, one[4:]) if one.startswith('tag:') else pgstream._models_named(one) -%}
        {%- if not found -%}
            {%- do exceptions.raise_compiler_error(operation ~ ": select has '" ~ one ~ "', and no stream table model of this project has that " ~ ('tag' if one.startswith('tag:') else 'name: give tag:… or the name of a model')) -%}
        {%- endif -%}
        {%- do ids.extend(found | map(attribute='unique_id')) -%}
    {%- endfor -%}
    {%- set selected = [] -%}
    {%- for node in nodes if (wanted is none or node.unique_id in ids) and (schema is none or pgstream._table_of(node).schema == schema) -%}
        {%- do selected.append(node) -%}
    {%- else -%}
        {%- do exceptions.raise_compiler_error(operation ~ ": no stream table model of this project lies in schema '" ~ schema ~ "'" ~ (' and is selected' if wanted else '')) -%}
    {%- endfor -%}
    {{ return(selected) }}
{% endmacro %}


{% macro _models_with_tag(nodes, tag) %}
    {%- set found = [] -%}
    {%- for node in nodes if tag in node.tags -%}
        {%- do found.append(node) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{# Of a model with versions the latest, unless it is named with one: `orders.v1`, or `orders_v1`. #}
{% macro _models_named(name) %}
    {%- set found = [] -%}
    {%- for node in pgstream._stream_table_models() -%}
        {%- set version = node.get('version') -%}
        {%- if version is none and node.name == name
                or version is not none and (node.name == name and version == node.latest_version or name in (node.name ~ '.v' ~ version, node.name ~ '_v' ~ version)) -%}
            {%- do found.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
