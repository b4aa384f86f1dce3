{# The models of this project that stand for stream tables, those they read before those that read them. #}
{% macro stream_table_models() %}
    {%- set ordered = [] -%}
    {%- set seen = {} -%}
    {%- for id in graph.nodes | sort -%}
        {%- do pgstream.visit(id, seen, ordered) -%}
    {%- endfor -%}
    {{ return(ordered) }}
{% endmacro %}


{% macro visit(id, seen, ordered) %}
    {%- set node = graph.nodes.get(id) -%}
    {%- if node and id not in seen -%}
        {%- do seen.update({id: true}) -%}
        {%- for upstream in (node.get('depends_on') or {}).get('nodes', []) -%}
            {%- do pgstream.visit(upstream, seen, ordered) -%}
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
{% macro table_named(operation, model_name) %}
    {%- if model_name is not string or not model_name | trim -%}
        {{ exceptions.raise_compiler_error(operation ~ " needs a model: dbt run-operation " ~ operation ~ " --args '{model_name: order_totals}'") }}
    {%- endif -%}
    {%- set nodes = pgstream.stream_table_models() | selectattr('name', 'equalto', model_name) | list -%}
    {%- if nodes | length > 1 -%}
        {{ exceptions.raise_compiler_error(operation ~ ": several packages have a model " ~ model_name ~ " (" ~ nodes | map(attribute='package_name') | join(', ') ~ "): give its place as schema.table") }}
    {%- elif nodes -%}
        {{ return(pgstream.table_of(nodes[0])) }}
    {%- endif -%}
    {%- set parts = model_name.split('.', 1) if '.' in model_name else [target.schema, model_name] -%}
    {{ return(pgstream.table_at(parts[0], parts[1])) }}
{% endmacro %}


{% macro table_at(schema, name) %}
    {{ return(api.Relation.create(database=target.dbname, schema=schema, identifier=name, type='table')) }}
{% endmacro %}


{# As `look`, for a table that has to be there. #}
{% macro look_at_existing(table) %}
    {%- do pgstream.require_engine() -%}
    {%- set found = pgstream.look(table) -%}
    {%- if not found.is_stream_table -%}
        {{ exceptions.raise_compiler_error("there is no stream table " ~ pgstream.engine_name(table) ~ " in database '" ~ target.dbname ~ "': create it with dbt run, or name one that dbt run-operation pgstream_status lists") }}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}


{# PL/pgSQL steps of ours as a transaction of their own. #}
{% macro execute_steps(table, purpose, steps, keep_error=false) %}
    {%- do pgstream.run_and_commit(pgstream.attempt(table, purpose, steps, keep_error=keep_error)) -%}
{% endmacro %}


{# Whether dbt commits what an operation does depends on its version: this does not. #}
{% macro run_and_commit(statement) %}
    {%- do run_query('begin;\n' ~ statement ~ ';\ncommit') -%}
{% endmacro %}


{% macro say(line) %}
    {%- do log(line, info=true) -%}
{% endmacro %}
