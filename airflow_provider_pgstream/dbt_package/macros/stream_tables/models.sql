{# Where the stream table of a model lives: at the model's own place, unless its configuration says otherwise. #}
{% macro _table_of(node) %}
    {%- set schema = pgstream._setting_of(node.config, 'stream_table_schema', none) or node.schema -%}
    {%- set name = pgstream._setting_of(node.config, 'stream_table_name', none) or node.alias -%}
    {{ return(api.Relation.create(database=node.database, schema=schema, identifier=name, type='table')) }}
{% endmacro %}


{# The models of this project that stand for stream tables, those they read before those that read them. #}
{% macro _stream_table_models() %}
    {%- set ordered = [] -%}
    {%- set seen = {} -%}
    {%- for id in graph.nodes | sort -%}
        {%- do pgstream._visit(id, seen, ordered) -%}
    {%- endfor -%}
    {{ return(ordered) }}
{% endmacro %}


{% macro _visit(id, seen, ordered) %}
    {%- set node = graph.nodes.get(id) -%}
    {%- if node and id not in seen -%}
        {%- do seen.update({id: true}) -%}
        {%- for upstream in (node.get('depends_on') or {}).get('nodes', []) -%}
            {%- do pgstream._visit(upstream, seen, ordered) -%}
        {%- endfor -%}
        {%- if node.resource_type == 'model' and node.config.materialized == 'stream_table' -%}
            {%- do ordered.append(node) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{#
    The stream table that an operation's `model_name` means: a model of this project by its name, or any stream
    table of the catalog as `schema.table`, or as `table` in the target's schema.
#}
{% macro _table_named(operation, model_name) %}
    {%- if model_name is not string or not model_name | trim -%}
        {%- do exceptions.raise_compiler_error(operation ~ " needs a model: dbt run-operation " ~ operation ~ " --args '{model_name: order_totals}'") -%}
    {%- endif -%}
    {%- set nodes = pgstream._stream_table_models() | selectattr('name', 'equalto', model_name) | list -%}
    {%- if nodes | length > 1 -%}
        {%- do exceptions.raise_compiler_error(operation ~ ": several packages have a model " ~ model_name ~ " (" ~ nodes | map(attribute='package_name') | join(', ') ~ "): give its place as schema.table") -%}
    {%- elif nodes -%}
        {{ return(pgstream._table_of(nodes[0])) }}
    {%- endif -%}
    {%- set parts = model_name.split('.', 1) if '.' in model_name else [target.schema, model_name] -%}
    {{ return(pgstream._table_at(parts[0], parts[1])) }}
{% endmacro %}


{# As `_table_named`, for one that has to be there. #}
{% macro _existing_table(operation, model_name) %}
    {%- set table = pgstream._table_named(operation, model_name) -%}
    {%- if not pgstream._find(table).is_stream_table -%}
        {%- do exceptions.raise_compiler_error("there is no stream table " ~ pgstream._qualified_name(table) ~ " in database '" ~ target.dbname ~ "': create it with dbt run, or name one that dbt run-operation pgstream_status lists") -%}
    {%- endif -%}
    {{ return(table) }}
{% endmacro %}


{% macro _table_at(schema, name) %}
    {{ return(api.Relation.create(database=target.dbname, schema=schema, identifier=name, type='table')) }}
{% endmacro %}


{% macro _is_paused_by(node) %}
    {%- set status = pgstream._setting_of(node.config, 'status', none) -%}
    {{ return(status is string and status | upper in ('PAUSED', 'SUSPENDED')) }}
{% endmacro %}
