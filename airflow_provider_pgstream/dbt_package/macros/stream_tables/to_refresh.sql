{# What a refresh has to know of a stream table, and of the session; none where there is none of that name. #}
{% macro _to_refresh(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set query %}
        select
            {{ pgstream._columns_to_refresh() }},
            {{ pgstream._sources_of_row() }} as sources,
            st.{{ engine.id }}::bigint as id,
            st.{{ engine.relid }}::bigint as storage_oid,
            not exists (select from pg_catalog.pg_class as c where c.oid = st.{{ engine.relid }}) as detached,
            {{ pgstream._scheduled_of_row() }} as is_scheduled,
            {{ engine.external }} as is_external,
            has_table_privilege({{ pgstream._literal(engine.catalog) }}, 'update') as may_set_frontier,
            (select setting::float8 / 1000 from pg_catalog.pg_settings where name = 'deadlock_timeout') as deadlock_timeout
        from {{ engine.catalog }} as st
        where {{ pgstream._is_row_of(table) }}
    {%- endset -%}
    {%- set rows = pgstream._rows(query) -%}
    {%- for seen in rows -%}
        {%- set shared = seen.is_scheduled or seen.is_external or seen.refresh_mode == 'IMMEDIATE' or pgstream._keeps_positions() -%}
        {%- do seen.update({'throughout': shared or not seen.may_set_frontier}) -%}
    {%- endfor -%}
    {{ return(rows[0] if rows else none) }}
{% endmacro %}


{# Whether the scheduler refreshes a stream table, too, and stores a position of its own: writers are kept out throughout then. #}
{% macro _scheduled_of_row() %}
    {%- set engine = pgstream._engine() -%}
    {{ return('(' ~ engine.unscheduled ~ ') is null and ' ~ pgstream._may_serve() if engine.scheduler_moves_frontier else 'false') }}
{% endmacro %}


{# What is decided by, of the catalog's row `st`; `identity` is what a boundary was taken for. #}
{% macro _columns_to_refresh() %}
    {%- set engine = pgstream._engine() -%}
    jsonb_build_array(st.{{ engine.id }}, st.{{ engine.relid }}::bigint, st.refresh_mode, {{ pgstream._sources_of_row() }}, {{ engine.unscheduled }})::text as identity,
    st.refresh_mode, st.status, st.is_populated, st.needs_reinit,
    coalesce(st.original_query, st.defining_query) as query, st.defining_query
{%- endmacro %}


{% macro _sources_of_row() %}
    {%- set engine = pgstream._engine() -%}
    (
        select coalesce(jsonb_agg(
            jsonb_build_object('oid', d.source_relid::bigint, 'kind', d.source_type, 'schema', n.nspname, 'name', c.relname)
            order by d.source_relid::bigint
        ), '[]')
        from {{ engine.dependencies }} as d
        left join pg_catalog.pg_class as c on c.oid = d.source_relid
        left join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where d.{{ engine.id }} = st.{{ engine.id }}
    )
{%- endmacro %}


{# The sentence about a stream table that cannot be refreshed, or none; `id` is that of the one which is locked. #}
{% macro _error_of(table, seen, id=none, refuses_pause=true) %}
    {%- set subject = 'stream table ' ~ pgstream._qualified_name(table) -%}
    {%- if seen is none -%}
        {{ return(subject ~ ' does not exist: create it with dbt run') }}
    {%- elif id is not none and seen.id != id -%}
        {{ return(subject ~ ' was recreated meanwhile: refresh it again') }}
    {%- elif seen.sources | selectattr('name', 'none') | list -%}
        {#- The engine would report success, and read nothing of the table that took the source's place. -#}
        {{ return(subject ~ ' reads a table that was dropped or recreated (oid ' ~ seen.sources | selectattr('name', 'none') | map(attribute='oid') | join(', ') ~ '): drop the stream table and create it again; dbt run does, where it is a model') }}
    {%- elif seen.detached -%}
        {{ return('the table of ' ~ subject ~ ' is gone: drop the stream table and create it again; dbt run does, where it is a model') }}
    {%- elif refuses_pause and seen.status == 'SUSPENDED' -%}
        {{ return(pgstream._sentence_of_pause(table)) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{# Once per run: where the position cannot be stored, there is no boundary, and writers wait for the whole refresh. #}
{% macro _say_if_throughout(table, seen) %}
    {%- if seen.is_scheduled and pgstream._written_sources(seen) -%}
        {%- do pgstream._print('stream table ' ~ pgstream._qualified_name(table) ~ ': the scheduler refreshes it, too, so writers of its sources are kept out until the refresh ends; schedule: null spares them that') -%}
    {%- elif not seen.may_set_frontier and pgstream._written_sources(seen) and 'said_throughout' not in pgstream._known_of_database() -%}
        {%- do pgstream._known_of_database().update({'said_throughout': true}) -%}
        {%- do pgstream._print('stream table ' ~ pgstream._qualified_name(table) ~ ': this role may not update ' ~ pgstream._engine().catalog ~ ', so writers of its sources are kept out until the refresh ends; this is said once per run') -%}
    {%- endif -%}
{% endmacro %}


{% macro _sentence_of_pause(table) %}
    {{ return('stream table ' ~ pgstream._qualified_name(table) ~ ' is SUSPENDED (paused) and cannot be refreshed: dbt run-operation pgstream_resume first, or leave it out') }}
{% endmacro %}


{# The sentence about a transaction at a boundary that did not end well. #}
{% macro _sentence_of(table, purpose, seen, outcome) %}
    {%- set subject = 'stream table ' ~ pgstream._qualified_name(table) -%}
    {%- if outcome.kind == 'refused' -%}
        {{ return(outcome.message) }}
    {%- elif outcome.kind == 'changed' -%}
        {{ return(subject ~ ' was not ' ~ purpose ~ ': it or a source of it was altered each of the 20 times that the refresh began; run it again when that has ended') }}
    {%- elif outcome.kind == 'denied' -%}
        {%- set source = pgstream._names_of(seen.sources | selectattr('oid', 'equalto', outcome.blocked)) -%}
        {{ return(subject ~ ' could not be ' ~ purpose ~ ': role ' ~ target.user ~ ' may not lock its source ' ~ source ~ ', and without the lock rows can be lost\nhint: grant maintain on ' ~ source ~ ' to ' ~ target.user) }}
    {%- endif -%}
    {%- set lines = [subject ~ ' could not be ' ~ purpose ~ ': ' ~ outcome.message, outcome.detail, 'hint: ' ~ outcome.hint if outcome.hint else none] -%}
    {{ return(lines | select | join('\n')) }}
{% endmacro %}
