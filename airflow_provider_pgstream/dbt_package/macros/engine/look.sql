{# Everything that is known of the name at which a stream table shall live. #}
{% macro look(table) %}
    {%- set engine = pgstream.engine() -%}
    {%- set query %}
        select
            st.{{ engine.id }} is not null as is_stream_table,
            n.oid is not null as schema_exists,
            c.oid::bigint as oid,
            {{ pgstream.kind_of('c.relkind') }} as kind,
            coalesce(st.original_query, st.defining_query) as query,
            st.schedule,
            st.refresh_mode,
            st.status,
            st.is_populated,
            st.consecutive_errors,
            st.data_timestamp,
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
                where i.indrelid = c.oid and {{ pgstream.is_named_by_dbt('index_class.relname') }}
            ) as has_indexes
        from (values ({{ pgstream.literal(table.schema) }}, {{ pgstream.literal(table.identifier) }})) as wanted (schema_name, name)
        left join pg_catalog.pg_namespace as n on n.nspname = wanted.schema_name
        left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = wanted.name
        left join {{ engine.stream_tables }} as st
            on st.{{ engine.schema_name }} = wanted.schema_name and st.{{ engine.name }} = wanted.name
    {%- endset -%}
    {{ return(pgstream.rows(query, auto_begin=true)[0]) }}
{% endmacro %}


{# The word that DROP wants for a relation of this kind. #}
{% macro kind_of(relkind) -%}
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
