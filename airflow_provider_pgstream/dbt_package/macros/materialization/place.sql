{# Whether it stands where dbt expects the model. #}
{% macro _is_at_own_place(table) %}
    {{ return(table.schema == this.schema and table.identifier == this.identifier) }}
{% endmacro %}


{% macro _refuse_name(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- for key, name in [('schema', table.schema), ('name', table.identifier)] -%}
        {%- if name is not string or modules.re.search(engine.cannot_hold_names_with, name) or name | length == 0 or name.encode('utf-8') | length > 63 -%}
            {%- do exceptions.raise_compiler_error("model " ~ model.name ~ ": the engine cannot hold a stream table whose " ~ key ~ " is '" ~ name ~ "': expected 1 to 63 bytes without " ~ engine.cannot_hold_names_with_words ~ "; set alias and schema, or stream_table_name and stream_table_schema") -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{# dbt itself refuses two models of one relation; it does not know of places that only we give. #}
{% macro _refuse_collision(table) %}
    {%- if pgstream._is_at_own_place(table) -%}
        {{ return('') }}
    {%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') and node.unique_id != model.unique_id -%}
        {%- set places = [(node.schema, node.alias)] -%}
        {%- if node.config.materialized == 'stream_table' -%}
            {%- set other = pgstream._table_of(node) -%}
            {%- do places.append((other.schema, other.identifier)) -%}
        {%- endif -%}
        {%- if (table.schema, table.identifier) in places and node.config.materialized != 'ephemeral' -%}
            {%- do exceptions.raise_compiler_error("model " ~ model.name ~ ": its stream table " ~ pgstream._qualified_name(table) ~ " would take the place of " ~ node.resource_type ~ " " ~ node.name ~ ": change stream_table_name or stream_table_schema") -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
