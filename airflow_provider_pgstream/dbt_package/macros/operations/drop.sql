{# All stream tables of this project's models, where they really live, in one transaction. #}
{% macro drop_all_stream_tables() %}
    {%- do pgstream.require_engine() -%}
    {%- set own = pgstream.places_of_project() -%}
    {%- set doomed = [] -%}
    {%- for node in pgstream.stream_table_models() | reverse -%}
        {%- set table = pgstream.table_of(node) -%}
        {%- set found = pgstream.look(table) -%}
        {%- if found.is_stream_table -%}
            {%- set dependents = pgstream.dependents(found.oid) if found.oid is not none else [] -%}
            {%- do pgstream.refuse_outsiders(table, dependents, own) -%}
            {%- do doomed.append({'table': table, 'found': found, 'dependents': dependents}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do pgstream.drop_together(doomed) -%}
{% endmacro %}


{# All that the catalog holds, whoever made it. #}
{% macro drop_all_stream_tables_force() %}
    {%- do pgstream.require_engine() -%}
    {%- set engine = pgstream.engine() -%}
    {%- set doomed = [] -%}
    {%- for row in pgstream.rows('select ' ~ engine.schema_name ~ ' as schema, ' ~ engine.name ~ ' as name from ' ~ engine.stream_tables ~ ' order by ' ~ engine.id ~ ' desc') -%}
        {%- set table = pgstream.table_at(row.schema, row.name) -%}
        {%- set found = pgstream.look(table) -%}
        {%- do doomed.append({'table': table, 'found': found, 'dependents': pgstream.dependents(found.oid) if found.oid is not none else []}) -%}
    {%- endfor -%}
    {%- do pgstream.drop_together(doomed) -%}
{% endmacro %}


{# 'schema.name' of everything that a node of this project stands for. #}
{% macro places_of_project() %}
    {%- set places = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- do places.append(node.schema ~ '.' ~ node.alias) -%}
        {%- if node.config.materialized == 'stream_table' -%}
            {%- do places.append(pgstream.engine_name(pgstream.table_of(node))) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(places) }}
{% endmacro %}


{% macro refuse_outsiders(table, dependents, own) %}
    {%- for one in dependents if (one.schema ~ '.' ~ one.name) not in own -%}
        {{ exceptions.raise_compiler_error("nothing was dropped: " ~ one.kind ~ " " ~ one.schema ~ "." ~ one.name ~ ", which is not of this project, depends on stream table " ~ pgstream.engine_name(table) ~ ": drop it first, or use drop_all_stream_tables_force") }}
    {%- endfor -%}
{% endmacro %}


{# Those that read others come first: the engine cannot drop a stream table whose source is gone. #}
{% macro drop_together(doomed) %}
    {%- if not doomed -%}
        {%- do pgstream.say('there are no stream tables to drop') -%}
        {{ return('') }}
    {%- endif -%}
    {%- set steps = [] -%}
    {%- for one in doomed -%}
        {%- do steps.append(pgstream.drop_steps(one.table, one.found)) -%}
    {%- endfor -%}
    {%- do pgstream.execute_steps(doomed[0].table, 'dropped', steps | join('\n')) -%}
    {%- for one in doomed -%}
        {%- for view in one.dependents if view.kind != 'stream table' -%}
            {%- do pgstream.say(view.schema ~ '.' ~ view.name ~ ': ' ~ view.kind ~ ' dropped with ' ~ pgstream.engine_name(one.table)) -%}
        {%- endfor -%}
        {%- do pgstream.say(pgstream.engine_name(one.table) ~ ': dropped') -%}
    {%- endfor -%}
{% endmacro %}
