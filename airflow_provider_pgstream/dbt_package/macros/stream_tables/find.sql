{# Everything that is known of the name at which a stream table lives or shall live. #}
{% macro _find(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set query %}
        select
            st.{{ engine.id }} is not null as is_stream_table,
            n.oid is not null as schema_exists,
            c.oid::bigint as oid,
            {{ pgstream._kind_of('c.relkind') }} as kind,
            coalesce(st.original_query, st.defining_query) as query,
            {{ engine.schedule }} as schedule,
            to_jsonb(st) as row,
            st.refresh_mode,
            st.status,
            st.is_populated,
            st.consecutive_errors,
            has_table_privilege({{ pgstream._literal(engine.catalog) }}, 'update') as may_rename,
            exists (select from {{ engine.dependencies }} as d where d.source_relid = c.oid and d.source_type = 'STREAM_TABLE') as is_read,
            c.oid is distinct from st.{{ engine.relid }} as storage_is_gone,
            exists (
                select
                from {{ engine.dependencies }} as d
                where d.{{ engine.id }} = st.{{ engine.id }}
                    and not exists (select from pg_catalog.pg_class as source where source.oid = d.source_relid)
            ) as source_is_gone,
            exists (
                select
                from pg_catalog.pg_index as i
                join pg_catalog.pg_class as index_class on index_class.oid = i.indexrelid
                where i.indrelid = c.oid and {{ pgstream._is_named_by_dbt('index_class.relname') }}
            ) as has_indexes
        from (values ({{ pgstream._literal(table.schema) }}, {{ pgstream._literal(table.identifier) }})) as wanted (schema_name, name)
        left join pg_catalog.pg_namespace as n on n.nspname = wanted.schema_name
        left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = wanted.name
        left join {{ engine.catalog }} as st on {{ pgstream._is_row_of(table) }}
    {%- endset -%}
    {{ return(pgstream._rows(query, auto_begin=true)[0]) }}
{% endmacro %}


{# Whether a row of the engine's catalog, there named `st`, is that of this table. #}
{% macro _is_row_of(table) -%}
    {%- set engine = pgstream._engine() -%}
    st.{{ engine.schema_name }} = {{ pgstream._literal(table.schema) }} and st.{{ engine.name }} = {{ pgstream._literal(table.identifier) }}
{%- endmacro %}


{# The word that DROP wants for a relation of this kind. #}
{% macro _kind_of(relkind) -%}
    case {{ relkind }}
        when 'r' then 'table'
        when 'p' then 'table'
        when 'v' then 'view'
        when 'm' then 'materialized view'
        when 'f' then 'foreign table'
        when 'S' then 'sequence'
        when 'i' then 'index'
        when 'c' then 'type'
    end
{%- endmacro %}
