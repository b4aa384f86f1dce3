{#
    What makes a differential refresh lose rows, as PL/pgSQL that decides in the snapshot which is open: it is refused
    with a sentence (PGSNO), or made a full one: `v_full`, and `v_reason` where nobody asked for it. A comparison does not
    refuse what is paused, nor lost changes, which are what it finds: `v_warning`.
#}
{% macro _decide_steps(table, seen, full, refuses=true) %}
    {%- set subject = 'stream table ' ~ pgstream._qualified_name(table) -%}
    {%- set steps %}
        {{- pgstream._find_again_steps(table, seen, refuses) }}
        {{- pgstream._check_views_steps(subject, seen) }}
        {%- if seen.refresh_mode == 'DIFFERENTIAL' %}
        {{- pgstream._check_sources_steps(subject, seen) }}
        {{- pgstream._choose_way_steps(subject, seen, full, refuses) }}
        {%- endif %}
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}


{# What the snapshot shows; PGSCH where that is not what was locked: begin again. #}
{% macro _find_again_steps(table, seen, refuses) %}
        select {{ pgstream._columns_to_refresh() }} into v_seen
        from {{ pgstream._engine().catalog }} as st
        where st.{{ pgstream._engine().id }} = {{ seen.id }};
        if v_seen.identity is distinct from {{ pgstream._literal(seen.identity) }} then
            raise exception using errcode = 'PGSCH', message = 'it was altered meanwhile';
        {%- if refuses %}
        elsif v_seen.status = 'SUSPENDED' then
            raise exception using errcode = 'PGSNO', message = {{ pgstream._literal(pgstream._sentence_of_pause(table)) }};
        {%- endif %}
        end if;
{%- endmacro %}


{% macro _decision_variables(seen) %}
            v_seen record;
            v_found record;
            v_names text;
            v_differs boolean;
            v_plan json;
            v_full boolean := {{ seen.refresh_mode != 'DIFFERENTIAL' }};
            v_warning text;
{%- endmacro %}


{# The engine has copied the views' definitions into what it runs, and notices a replaced one in no mode; or it has noticed. #}
{% macro _check_views_steps(subject, seen) %}
        if {{ pgstream._engine().reinit_in_full }} or not v_seen.needs_reinit then
        select string_agg(v.name, ', ' order by v.name) into v_names
        from ({{ pgstream._replaced_views(seen.id) }}) as v;
        if v_names is not null then
            execute (
                select format(
                    'select exists ((%1$s except all %2$s) union all (%2$s except all %1$s))',
                    format(E'select q::text from (%s\n) q', v_seen.query),
                    format(E'select q::text from (%s\n) q', v_seen.defining_query)
                )
            ) into v_differs;
            if v_differs then
                raise exception using errcode = 'PGSNO', message = format(
                    {{ pgstream._literal(subject | replace('%', '%%') ~ ' reads %s as it was when the stream table was created, and it was replaced since. Drop the stream table and recreate it (dbt run --full-refresh)') }},
                    v_names);
            end if;
        end if;
        end if;
{%- endmacro %}


{# The catalog follows a table's oid and the query follows its name, so the engine says of a swapped source that all is well. #}
{% macro _check_sources_steps(subject, seen) %}
        execute 'explain (verbose, format json) ' || v_seen.query into v_plan;
        select string_agg(r.name, ', ' order by r.name) into v_names
        from ({{ pgstream._unknown_relations_of_plan(seen.id) }}) as r;
        if v_names is not null then
            raise exception using errcode = 'PGSNO', message = format(
                {{ pgstream._literal(subject | replace('%', '%%') ~ ' reads %s now, and the changes of %s are captured for it: a source was renamed, or a view replaced. Drop the stream table and recreate it (dbt run --full-refresh)') }},
                v_names, {{ pgstream._literal(pgstream._names_of(seen.sources)) }});
        end if;
{%- endmacro %}


{% macro _unknown_relations_of_plan(id) -%}
    {{ pgstream._unknown_relations(id, "select node ->> 'Schema', node ->> 'Relation Name' from jsonb_path_query(v_plan::jsonb, 'strict $.**') as node where jsonb_typeof(node) = 'object' and node ? 'Relation Name'") }}
{%- endmacro %}


{% macro _names_of(sources) %}
    {%- set names = [] -%}
    {%- for source in sources -%}
        {%- do names.append(source.schema ~ '.' ~ source.name) -%}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}


{# In full, or by the changes that were captured. #}
{% macro _choose_way_steps(subject, seen, full, refuses) %}
    {%- set engine = pgstream._engine() -%}
    {%- set reads_stream_tables = seen.sources | selectattr('kind', 'equalto', 'STREAM_TABLE') | list | length > 0 %}
        select
            count(*) > 0 as any,
            string_agg(name, ', ') filter (where has_row_security) as secured,
            string_agg(name, ', ') filter (where is_altered) as altered,
            string_agg(name, ', ') filter (where has_children) as parents,
            string_agg(name, ', ') filter (where is_ahead) as ahead,
            bool_or(not is_noted) as moved,
            string_agg(name, ', ') filter (where not is_captured and cdc_mode <> 'WAL') as lost,
            string_agg(name, ', ') filter (where cdc_mode <> 'TRIGGER') as decoded,
            string_agg(name, ', ') filter (where is_unlogged) as unlogged
        into v_found
        from ({{ pgstream._hazards(seen.id, 'v_position') }}) as h;
        if v_found.secured is not null then
            raise exception using errcode = 'PGSNO', message = format(
                {{ pgstream._literal(subject | replace('%', '%%') ~ ' is not refreshed: row-level security hides rows of %s from this role, so it would hold some of the rows only; refresh it as a role with BYPASSRLS, or as the owner of the source') }},
                v_found.secured);
        end if;
        v_reason := case
            when not v_seen.is_populated then 'it was not populated'
            when v_seen.needs_reinit and {{ engine.reinit_in_full }} then 'a source changed its columns'
            when {{ engine.mixed_in_full and reads_stream_tables }} and v_found.any then 'it reads tables and stream tables'
            when v_found.moved and {{ pgstream._is_moved_by_others(seen) }} then {{ pgstream._literal(pgstream._distrust()) }}
            when v_found.altered is not null then format('columns of %s were altered since it was refreshed last', v_found.altered)
            when v_found.parents is not null then format('%s has inheritance children, whose changes are not captured', v_found.parents)
            when v_found.ahead is not null then format('it was refreshed on another server: the changes of %s are unknown', v_found.ahead)
        end;
        v_full := {{ full }} or v_reason is not null;
        if not v_full then
            {{- pgstream._lost_changes_steps(subject) }}
        end if;
        if v_warning is not null then
            {%- if refuses %}
            raise exception using errcode = 'PGSNO', message = v_warning;
            {%- else %}
            null;
            {%- endif %}
        elsif v_full then
            {{ pgstream._recompute_steps(subject, seen) }}
        end if;
        {%- if full %}
        v_reason := null;
        {%- elif not seen.needs_reinit %}
        v_reason := nullif(v_reason, 'a source changed its columns');  -- our own mark, of one without a frontier
        {%- endif %}
{%- endmacro %}


{# Finds `v_warning`: that changes of a source were not captured, or are lost on the way. #}
{% macro _lost_changes_steps(subject) %}
    {%- set engine = pgstream._engine() -%}
    {%- set begins = subject | replace('%', '%%') ~ ' is not refreshed: ' -%}
    {%- set then = ', then recompute it with dbt run-operation pgstream_repair' %}
            if v_found.lost is not null then
                v_warning := format({{ pgstream._literal(begins ~ 'changes of %s are not captured, because the change trigger is missing or disabled; enable it (alter table … enable trigger), or recreate the stream table' ~ then) }}, v_found.lost);
            elsif {{ engine.loses_in_wal }} and v_found.decoded is not null then
                v_warning := format({{ pgstream._literal(begins ~ 'changes of %s are not captured by triggers but from the WAL, and a refresh loses what is not decoded yet; set cdc_mode: trigger' ~ then) }}, v_found.decoded);
            elsif v_found.unlogged is not null then
                v_warning := format({{ pgstream._literal(begins ~ 'changes of %s are not captured safely: the change buffer is an unlogged table, which a crash of the server empties; set ' ~ engine.extension ~ '.unlogged_buffers = off, recreate the stream tables on it' ~ then) }}, v_found.unlogged);
            end if;
{%- endmacro %}


{# Makes the next refresh a full one. #}
{% macro _recompute_steps(subject, seen) %}
    {%- set engine = pgstream._engine() -%}
    {%- set known = engine.repairs | select('in', engine.found.functions) | list -%}
    {%- if pgstream._keeps_positions() and known -%}
            perform {{ engine.schema }}.{{ known[0] }}({{ pgstream._literal(subject | replace('stream table ', '', 1)) }});
    {%- else -%}
            {{ pgstream._forget_frontier(seen.id) }}
    {%- endif -%}
{%- endmacro %}


{# Why one is recomputed although its position tells of the changes that it has not read. #}
{% macro _distrust() %}
    {{ return('others refreshed it since, and its rows do not belong to the position that they stored') }}
{% endmacro %}


{#
    Whether a position counts only if it is ours, which bears a mark: a scheduler may reinitialise a table that it leaves
    alone otherwise, and store a position before that of the rows.
#}
{% macro _is_moved_by_others(seen) %}
    {{ return(pgstream._engine().scheduler_moves_frontier and not pgstream._keeps_positions() and not seen.is_scheduled) }}
{% endmacro %}
