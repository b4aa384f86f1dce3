{#
    What is found at the name goes, as PL/pgSQL statements for `_attempt`. The engine's own drop fails when a source
    of the table is gone, or, with some, when another reads it: then the table is dropped as any other, and the engine's event trigger tidies its catalog.
#}
{% macro _drop_steps(table, found) %}
    {%- set steps %}
            perform {{ pgstream._creation_lock() }};
    {%- set refuses = pgstream._engine().keeps_read_tables and found.is_read -%}
    {%- if found.is_stream_table and (found.storage_is_gone or not (found.source_is_gone or refuses)) %}
            perform {{ pgstream._engine().drop }}({{ pgstream._literal(pgstream._qualified_name(table)) }});
    {%- endif %}
    {%- if found.kind is not none %}
            drop {{ found.kind }} if exists {{ table.include(database=false) }} cascade;
    {%- endif %}
    {{- pgstream._clear_leftovers_steps() }}
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}
