{#
    What has to be recreated when the database moves to another engine, and what stands in the way: a line for each stream
    table of the catalog, those that are read before those that read them. It changes nothing.
#}
{% macro pgstream_plan_move(to) %}
    {%- set operation = 'pgstream_plan_move' -%}
    {%- set engine = pgstream._engine() -%}
    {%- set others = pgstream._supported_engines() | reject('equalto', engine.extension) | list -%}
    {%- if to not in others -%}
        {%- do pgstream._refuse_value(operation ~ ': to', to, 'one of ' ~ others | join(', ') ~ "; this database has " ~ engine.extension) -%}
    {%- endif -%}
    {%- set other = context['pgstream']['_engine_' ~ to]() -%}
    {%- set models = {} -%}
    {%- for node in pgstream._stream_table_models() -%}
        {%- do models.update({pgstream._qualified_name(pgstream._table_of(node)): node.unique_id}) -%}
    {%- endfor -%}
    {%- set outcomes = [] -%}
    {%- for row in pgstream._rows(pgstream._what_moves()) -%}
        {%- set said = ['is recreated by dbt run (' ~ models[row.name] ~ ')' if row.name in models else 'is no model of this project: whoever created it has to do it again'] -%}
        {%- do said.append('with ' ~ row.mode ~ ', schedule ' ~ (row.schedule or 'null') ~ ', about ' ~ row.rows ~ ' rows') -%}
        {%- if row.dependents -%}
            {%- do said.append('takes along ' ~ row.dependents) -%}
        {%- endif -%}
        {%- set problems = pgstream._problems_of_move(row, other) -%}
        {%- do pgstream._report(outcomes, row.name, 'ERROR' if problems else none, problems | join('; ') if problems else said | join(', ')) -%}
    {%- else -%}
        {%- do pgstream._print(pgstream._no_stream_tables()) -%}
    {%- endfor -%}
    {%- do pgstream._conclude(operation, outcomes, 'cannot be recreated on ' ~ to ~ ' as they are') -%}
{% endmacro %}


{% macro _what_moves() %}
    {%- set engine = pgstream._engine() %}
    select
        st.{{ engine.schema_name }} || '.' || st.{{ engine.name }} as name,
        st.{{ engine.schema_name }} as schema,
        st.{{ engine.name }} as table,
        st.refresh_mode as mode,
        {{ engine.schedule }} as schedule,
        st.is_populated,
        greatest(c.reltuples, 0)::bigint as rows,
        (
            select string_agg(distinct v.oid::regclass::text, ', ')
            from pg_catalog.pg_depend as d
            join pg_catalog.pg_rewrite as r on r.oid = d.objid
            join pg_catalog.pg_class as v on v.oid = r.ev_class and v.oid <> c.oid
            where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid
        ) as dependents,
        strpos(coalesce(st.original_query, st.defining_query), {{ pgstream._literal(engine.internal_prefix) }}) > 0 as names_internal
    from {{ engine.catalog }} as st
    left join pg_catalog.pg_class as c on c.oid = st.{{ engine.relid }}
    order by st.{{ engine.id }}
{%- endmacro %}


{# What the other engine would refuse, or do wrong. #}
{% macro _problems_of_move(row, other) %}
    {%- set problems = [] -%}
    {%- if row.mode not in other.refresh_modes -%}
        {%- do problems.append('its refresh_mode is ' ~ row.mode ~ ', and ' ~ other.extension ~ ' has ' ~ other.refresh_modes | join(', ')) -%}
    {%- endif -%}
    {%- if row.schedule and pgstream._is_cron(row.schedule) and not other.runs_cron -%}
        {%- do problems.append("its schedule is '" ~ row.schedule ~ "', a cron expression, which " ~ other.extension ~ ' takes and then refreshes without pause: ' ~ pgstream._instead_of_cron(row.schedule) ~ 'schedule: null') -%}
    {%- elif row.schedule == pgstream._engine().driven and row.schedule and other.driven is none -%}
        {%- do problems.append("its schedule is '" ~ row.schedule ~ "', which " ~ other.extension ~ ' does not know') -%}
    {%- endif -%}
    {%- for name in [row.schema, row.table] if modules.re.search(other.cannot_hold_names_with, name) -%}
        {%- do problems.append("the name '" ~ name ~ "' cannot be held: it must be without " ~ other.cannot_hold_names_with_words) -%}
    {%- endfor -%}
    {%- if row.names_internal -%}
        {%- do problems.append("its query names an internal column (" ~ pgstream._engine().internal_prefix ~ '…)') -%}
    {%- endif -%}
    {{ return(problems) }}
{% endmacro %}
