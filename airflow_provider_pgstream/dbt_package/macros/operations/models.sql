{# The stream tables that models of this project stand for, and where each of them really lives. #}
{% macro stream_table_nodes() %}
    {%- set nodes = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'stream_table' -%}
        {%- do nodes.append(node) -%}
    {%- endfor -%}
    {{ return(nodes) }}
{% endmacro %}


{% macro table_of(node) %}
    {%- set meta = node.config.get('meta') or {} -%}
    {{ return(api.Relation.create(
        database=node.database,
        schema=node.config.get('stream_table_schema') or meta.get('stream_table_schema') or node.schema,
        identifier=node.config.get('stream_table_name') or meta.get('stream_table_name') or node.alias,
        type='table',
    )) }}
{% endmacro %}


{#
    The stream table that an operation's `model_name` means: a model of this project by its name, or a stream table
    of the catalog by `table` (in the target's schema) or `schema.table`.
#}
{% macro table_named(operation, model_name) %}
    {%- if model_name is not string or not model_name | trim -%}
        {{ exceptions.raise_compiler_error(operation ~ " needs a model: --args '{model_name: order_totals}'") }}
    {%- endif -%}
    {%- for node in pgstream.stream_table_nodes() if node.name == model_name -%}
        {{ return(pgstream.table_of(node)) }}
    {%- endfor -%}
    {%- set parts = model_name.split('.', 1) if '.' in model_name else [target.schema, model_name] -%}
    {{ return(api.Relation.create(database=target.dbname, schema=parts[0], identifier=parts[1], type='table')) }}
{% endmacro %}


{% macro must_exist(table) %}
    {%- do pgstream.require_engine() -%}
    {%- set found = pgstream.look(table) -%}
    {%- if not found.is_stream_table -%}
        {{ exceptions.raise_compiler_error("there is no stream table " ~ pgstream.engine_name(table) ~ " in database '" ~ target.dbname ~ "': create it with dbt run, or name one that dbt run-operation pgstream_status lists") }}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}
