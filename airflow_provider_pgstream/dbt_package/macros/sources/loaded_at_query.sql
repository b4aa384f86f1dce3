{#
    The query for `loaded_at_query` of a source that is a stream table (dbt 1.10 and later): how fresh its data is.
    The engine keeps that in its catalog, not in the table.
#}
{% macro loaded_at_query(schema, name) %}
    {{ return(adapter.dispatch('loaded_at_query', 'pgstream')(schema, name)) }}
{% endmacro %}


{% macro default__loaded_at_query(schema, name) %}
    {%- set engine = pgstream.engine() -%}
    {{ return('select data_timestamp from ' ~ engine.stream_tables
        ~ ' where ' ~ engine.schema_name ~ ' = ' ~ pgstream.literal(schema)
        ~ ' and ' ~ engine.name ~ ' = ' ~ pgstream.literal(name)) }}
{% endmacro %}
