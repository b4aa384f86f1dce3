{# Whether every change of the sources is captured: of all sources, or of those that one stream table reads. #}
{% macro pgstream_check_cdc_health(model_name=none) %}
    {%- set operation = 'pgstream_check_cdc_health' -%}
    {%- set table = none if model_name is none else pgstream.table_named(operation, model_name) -%}
    {%- set verdicts = [] -%}
    {%- if table is none -%}
        {%- do pgstream.require_engine() -%}
    {%- else -%}
        {%- do pgstream.look_at_existing(table) -%}
    {%- endif -%}
    {%- for state in pgstream.states(table) -%}
        {%- set trouble = pgstream.trouble_of(state) -%}
        {%- if state.status == 'ERROR' or table is not none and trouble is not none -%}
            {%- do verdicts.append({'name': state.schema ~ '.' ~ state.name, 'level': 'ERROR', 'text': trouble}) -%}
        {%- endif -%}
    {%- else -%}
        {%- do pgstream.refuse_empty_catalog(operation) -%}
    {%- endfor -%}
    {%- for source in pgstream.sources_of(table) -%}
        {%- do verdicts.append({'name': source.name, 'level': 'ERROR' if source.alert else 'OK', 'text': source.alert or source.cdc_mode}) -%}
    {%- else -%}
        {%- if table is not none and not verdicts -%}
            {%- do pgstream.say(pgstream.engine_name(table) ~ ': OK it reads no ordinary table, so nothing is captured for it') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do pgstream.conclude(operation, verdicts) -%}
{% endmacro %}


{# The engine's own alert knows slots only; a trigger that is gone or switched off is seen here. #}
{% macro sources_of(table) %}
    {%- set engine = pgstream.engine() -%}
    {%- set query %}
        select
            coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), health.source_table) as name,
            health.cdc_mode,
            case
                when c.oid is null then 'the source is gone or was recreated: dbt run rebuilds what reads it'
                when health.alert is not null then health.alert
                when health.cdc_mode = 'TRIGGER' and captures.missing then 'its change trigger is missing or disabled: changes are lost. dbt run --full-refresh makes it anew'
            end as alert
        from {{ engine.cdc_health }}() as health
        left join pg_catalog.pg_class as c on c.oid = health.source_relid
        left join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        cross join lateral (
            select count(*) < 2 as missing
            from pg_catalog.pg_trigger as t
            where t.tgrelid = health.source_relid and t.tgenabled in ('O', 'A')
                and t.tgname in (
                    {{ pgstream.literal(engine.change_trigger) }} || health.source_relid,
                    {{ pgstream.literal(engine.truncate_trigger) }} || health.source_relid
                )
        ) as captures
        {%- if table is not none %}
        where exists (
            select
            from {{ engine.dependencies }} as d
            join {{ engine.stream_tables }} as st using ({{ engine.id }})
            where d.source_relid = health.source_relid
                and st.{{ engine.schema_name }} = {{ pgstream.literal(table.schema) }} and st.{{ engine.name }} = {{ pgstream.literal(table.identifier) }}
        )
        {%- endif %}
        order by 1
    {%- endset -%}
    {{ return(pgstream.rows(query)) }}
{% endmacro %}
