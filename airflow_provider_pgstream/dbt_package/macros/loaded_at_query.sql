{#
    The query for `loaded_at_query` of a source that is a stream table (dbt 1.10 and later): how fresh its data is.
    The engine keeps that in its catalog, not in the table.
#}
{% macro loaded_at_query(schema, name) %}
    {{ return(adapter.dispatch('loaded_at_query', 'pgstream')(schema, name)) }}
{% endmacro %}


{% macro default__loaded_at_query(schema, name) %}
    {%- set engine = pgstream._engine() -%}
    {{ return('select ' ~ engine.fresh_as_of ~ ' from ' ~ engine.catalog ~ ' as st where ' ~ pgstream._is_row_of(pgstream._table_at(schema, name))) }}
{% endmacro %}
