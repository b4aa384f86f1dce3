{#
    The stream tables that this project and target made, and that no model of it makes any more: it was renamed, moved or
    removed. They cost writers of their sources, and nobody reads them on purpose. What bears no mark of ours is not ours.
#}
{% macro pgstream_orphans(drop=false) %}
    {%- if drop is not boolean -%}
        {%- do pgstream._refuse_value('pgstream_orphans: drop', drop, 'true or false') -%}
    {%- endif -%}
    {%- set orphans = pgstream._orphans() -%}
    {%- for one in orphans -%}
        {%- do pgstream._print(one.name ~ ': orphan, made for ' ~ one.model) -%}
    {%- else -%}
        {%- do pgstream._print('there are no orphans of project ' ~ project_name ~ ', target ' ~ target.name) -%}
    {%- endfor -%}
    {%- if orphans and drop -%}
        {%- do pgstream._drop_orphans(orphans) -%}
    {%- endif -%}
    {{ return(orphans | map(attribute='name') | list) }}
{% endmacro %}


{# Those that read others come first. What is being populated beside a model's table is no orphan. #}
{% macro _orphans() %}
    {%- set engine = pgstream._engine() -%}
    {%- set places = [] -%}
    {%- for node in pgstream._stream_table_models() -%}
        {%- set table = pgstream._table_of(node) -%}
        {%- do places.extend([pgstream._qualified_name(table), pgstream._qualified_name(pgstream._beside(table, '__next'))]) -%}
    {%- endfor -%}
    {%- set query %}
        select st.{{ engine.schema_name }} as schema, st.{{ engine.name }} as name, {{ pgstream._mark_of('c') }} as mark
        from {{ engine.catalog }} as st
        join pg_catalog.pg_class as c on c.oid = st.{{ engine.relid }}
        order by st.{{ engine.id }} desc
    {%- endset -%}
    {%- set orphans = [] -%}
    {%- for row in pgstream._rows(query) if pgstream._is_own(row.mark) -%}
        {%- set table = pgstream._table_at(row.schema, row.name) -%}
        {%- if pgstream._qualified_name(table) not in places -%}
            {%- do orphans.append({'name': pgstream._qualified_name(table), 'table': table, 'model': pgstream._read_mark(row.mark).model}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(orphans) }}
{% endmacro %}


{# All or none. A view of the project goes along, and comes back with its model; a stream table that is none of them does not. #}
{% macro _drop_orphans(orphans) %}
    {%- set names = orphans | map(attribute='name') | list -%}
    {%- set places = pgstream._places_of_project() -%}
    {%- set to_drop = [] -%}
    {%- for orphan in orphans -%}
        {%- set one = pgstream._with_dependents(orphan.table) -%}
        {%- do pgstream._refuse_outsiders(one, names + places) -%}
        {%- for other in one.dependents if other.kind == 'stream table' and (other.schema ~ '.' ~ other.name) not in names -%}
            {%- do exceptions.raise_compiler_error('nothing was dropped: stream table ' ~ other.schema ~ '.' ~ other.name ~ ' still reads ' ~ orphan.name ~ ': dbt run makes it anew') -%}
        {%- endfor -%}
        {%- do to_drop.append(one) -%}
    {%- endfor -%}
    {%- do pgstream._drop_together(to_drop) -%}
{% endmacro %}
