{# All stream tables of this project's models, where they really live, in one transaction. #}
{% macro drop_all_stream_tables() %}
    {%- do pgstream._engine() -%}
    {%- set places = pgstream._places_of_project() -%}
    {%- set to_drop = [] -%}
    {%- for node in pgstream._stream_table_models() | reverse -%}
        {%- set one = pgstream._with_dependents(pgstream._table_of(node)) -%}
        {%- if one.found.is_stream_table -%}
            {%- do pgstream._refuse_outsiders(one, places) -%}
            {%- do to_drop.append(one) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do pgstream._drop_together(to_drop) -%}
{% endmacro %}


{# All that the catalog holds, whoever made it. #}
{% macro drop_all_stream_tables_force() %}
    {%- set engine = pgstream._engine() -%}
    {%- set to_drop = [] -%}
    {%- for row in pgstream._rows('select ' ~ engine.schema_name ~ ' as schema, ' ~ engine.name ~ ' as name from ' ~ engine.catalog ~ ' order by ' ~ engine.id ~ ' desc') -%}
        {%- do to_drop.append(pgstream._with_dependents(pgstream._table_at(row.schema, row.name))) -%}
    {%- endfor -%}
    {%- do pgstream._drop_together(to_drop) -%}
{% endmacro %}


{% macro _with_dependents(table) %}
    {%- set found = pgstream._find(table) -%}
    {{ return({'table': table, 'found': found, 'dependents': pgstream._dependents(found.oid) if found.oid is not none else []}) }}
{% endmacro %}


{# 'schema.name' of everything that a node of this project stands for. #}
{% macro _places_of_project() %}
    {%- set places = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- do places.append(node.schema ~ '.' ~ node.alias) -%}
        {%- if node.config.materialized == 'stream_table' -%}
            {%- do places.append(pgstream._qualified_name(pgstream._table_of(node))) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(places) }}
{% endmacro %}


{% macro _refuse_outsiders(one, places) %}
    {%- for other in one.dependents if (other.schema ~ '.' ~ other.name) not in places -%}
        {%- do exceptions.raise_compiler_error("nothing was dropped: " ~ other.kind ~ " " ~ other.schema ~ "." ~ other.name ~ ", which is not of this project, depends on stream table " ~ pgstream._qualified_name(one.table) ~ ": drop it first, or use drop_all_stream_tables_force") -%}
    {%- endfor -%}
{% endmacro %}


{# Those that read others come first: the engine cannot drop a stream table whose source is gone. #}
{% macro _drop_together(to_drop) %}
    {%- if not to_drop -%}
        {%- do pgstream._print('there are no stream tables to drop') -%}
        {{ return('') }}
    {%- endif -%}
    {%- set steps = [] -%}
    {%- for one in to_drop -%}
        {%- do steps.append(pgstream._drop_steps(one.table, one.found)) -%}
    {%- endfor -%}
    {%- do pgstream._run_steps(to_drop[0].table, 'dropped', steps | join('\n')) -%}
    {%- for one in to_drop -%}
        {%- for view in one.dependents if view.kind != 'stream table' -%}
            {%- do pgstream._print(view.schema ~ '.' ~ view.name ~ ': ' ~ view.kind ~ ' dropped with ' ~ pgstream._qualified_name(one.table)) -%}
        {%- endfor -%}
        {%- do pgstream._print(pgstream._qualified_name(one.table) ~ ': dropped') -%}
    {%- endfor -%}
{% endmacro %}
