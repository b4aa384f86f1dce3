{#
    The sources of one stream table, or of all, with what keeps their changes from being captured. The engine's own
    alert knows slots only; a trigger that is gone or switched off is seen here.
#}
{% macro _sources(table=none) %}
    {%- set engine = pgstream._engine() -%}
    {%- set query %}
        select
            coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), health.source_table, captured.source_relid::text) as name,
            captured.cdc_mode,
            case
                when c.oid is null then 'the source is gone or was recreated: dbt run rebuilds what reads it'
                when health.alert is not null then health.alert
                when captured.cdc_mode = 'TRIGGER' and not {{ pgstream._captures('captured.source_relid') }}
                    then 'its change trigger is missing or disabled: changes are lost. dbt run --full-refresh recreates it'
                when captured.cdc_mode <> 'TRIGGER' and {{ engine.loses_in_wal }}
                    then 'its changes are captured from the WAL (' || captured.cdc_mode || '), and a refresh loses what is not decoded yet: cdc_mode: trigger'
            end as problem
        from (
            select d.source_relid, max(coalesce(d.cdc_mode, 'TRIGGER')) as cdc_mode
            from {{ engine.dependencies }} as d
            join {{ engine.catalog }} as st using ({{ engine.id }})
            where d.source_type = 'TABLE'{% if table is not none %} and {{ pgstream._is_row_of(table) }}{% endif %}
            group by d.source_relid
        ) as captured
        left join {{ engine.capture_health }}() as health on health.source_relid = captured.source_relid::bigint
        left join pg_catalog.pg_class as c on c.oid = captured.source_relid
        left join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        order by 1
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}
