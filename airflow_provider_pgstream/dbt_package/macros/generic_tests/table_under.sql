{# What the tests of a stream table have in common: which one it is, and the row that says what is wrong with it. #}


{#
    The stream table of the model whose place this is; else the place itself. With a `where`, which is about rows and so
    nothing to these tests, dbt gives a subquery in the place of a relation: then the test itself says what it is of.
#}
{% macro _table_under(relation) %}
    {%- if not execute -%}
        {{ return(pgstream._table_at(target.schema, 'not known yet')) }}
    {%- endif -%}
    {%- if relation is string -%}
        {%- set id = model.get('attached_node') or model.depends_on.nodes[0] -%}
        {%- set node = graph.nodes.get(id) or graph.sources[id] -%}
        {%- set relation = pgstream._table_at(node.schema, node.get('alias') or node.identifier) -%}
    {%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'stream_table'
            and node.schema == relation.schema and node.alias == relation.identifier -%}
        {{ return(pgstream._table_of(node)) }}
    {%- endfor -%}
    {{ return(relation) }}
{% endmacro %}


{# A query for what makes a stream table not `populated`, `fresh` or `healthy`: one row, or none. A trial run has plain tables. #}
{% macro _problem_as_row(table, wanted, limit=none) %}
    {%- set problem = none -%}
    {%- if execute and not pgstream._is_trial() -%}
        {%- set state = pgstream._states(table) | first -%}
        {%- set problem = pgstream._problem_of_test(state, wanted, limit) if state else 'is no stream table' -%}
    {%- endif -%}
    select {{ pgstream._literal(table.identifier) }} as name, {{ pgstream._literal(problem) }}::text as what
    {{- '\n    where false' if problem is none }}
{%- endmacro %}


{% macro _problem_of_test(state, wanted, limit) %}
    {%- if wanted == 'healthy' and pgstream._problem_of(state) is not none -%}
        {{ return(pgstream._problem_of(state)) }}
    {%- elif not state.is_populated or state.staleness is none -%}
        {{ return('was never populated') }}
    {%- elif wanted == 'healthy' and state.consecutive_errors -%}
        {{ return(state.consecutive_errors ~ ' errors in a row') }}
    {%- elif limit is not none and state.staleness > limit -%}
        {{ return('holds data of ' ~ state.staleness | int ~ ' s ago, more than ' ~ limit | int ~ (', and is paused' if state.status == 'SUSPENDED' else '')) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
