{#
    A swap: a stream table with another query, or on a source that was rebuilt, takes the place of the old one. It is
    populated beside that, as `name__next`, which holds nobody, and takes its name, views and readers in one short
    transaction. Until then the old one is what readers see, and where anything fails, it stays. What it does to them is in
    the provider's decision 9.
#}
{% macro _swap(table, found, query, settings) %}
    {%- set new = pgstream._beside(table, '__next') -%}
    {%- do pgstream._say_what_it_takes(table, found) -%}
    {%- do pgstream._keep_other_swaps_away(table) -%}
    {%- set steps = [
        pgstream._drop_beside_steps(table),
        pgstream._create_steps(new, query, settings),
        pgstream._keep_lock_steps(new),
        pgstream._tap_steps(table),
        pgstream._rehearse_steps(table),
        pgstream._dress_steps(table),
    ] -%}
    {%- do pgstream._run_attempt(table, 'swapped', steps | join('\n')) -%}
    {%- do pgstream._say_what_is_left_out(table) -%}
    {%- do pgstream._populate_beside(table, new, settings) -%}
    {%- do pgstream._keep_other_swaps_away(table) -%}
    {%- set id = pgstream._find(new).row[pgstream._engine().id] -%}
    {%- set steps = [pgstream._status_steps(new, settings), pgstream._exchange_steps(table, id, settings.status is none)] -%}
    {%- set error = pgstream._run_attempt(table, 'swapped', steps | select | join('\n'), keep_error=true) -%}
    {%- if error -%}
        {%- do run_query('rollback') -%}
        {%- do pgstream._discard([pgstream._beside(table, '__tap'), new], pgstream._sentence_of_attempt(table, 'swapped', error)) -%}
    {%- endif -%}
    {#- Readers of the old one wait for this commit: it comes before grants, comments and post-hooks. -#}
    {%- do run_query('commit') -%}
    {%- do run_query('select pg_advisory_unlock_all()') -%}
    {%- do run_query('begin') -%}
{% endmacro %}


{# Whether a new one can take the place of the old one, by what this role may write and by both modes. #}
{% macro _can_swap(found, settings) %}
    {#- One that its writers fill has triggers of its own on the sources. -#}
    {{ return(
        settings.on_query_change == 'swap' and pgstream._populates(settings)
        and found.may_rename and found.may_move_readers and found.kind == 'table' and not found.storage_is_gone and not pgstream._keeps_positions()
        and 'IMMEDIATE' not in (found.refresh_mode, settings.refresh_mode) and settings.of_engine.get('orchestration_mode') != 'EXTERNAL'
    ) }}
{% endmacro %}


{# Populates it, and catches up with what changed meanwhile. #}
{% macro _populate_beside(table, new, settings) %}
    {%- for purpose in ['populated', 'refreshed'] if purpose == 'populated' or settings.refresh_mode != 'FULL' -%}
        {%- set outcome = pgstream._refresh(new, purpose) -%}
        {%- if outcome.error -%}
            {%- do pgstream._discard([pgstream._beside(table, '__tap'), new], outcome.error | replace(pgstream._qualified_name(new), pgstream._qualified_name(table))) -%}
        {%- endif -%}
        {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ' ~ pgstream._told(outcome, purpose)) -%}
    {%- endfor -%}
    {%- do run_query('begin') -%}
{% endmacro %}


{# What stands beside a stream table: its own name, cut to what PostgreSQL can hold, and a suffix. #}
{% macro _beside(table, suffix) %}
    {%- set kept = table.identifier.encode('utf-8')[:63 - suffix | length].decode('utf-8', 'ignore') -%}
    {{ return(api.Relation.create(database=table.database, schema=table.schema, identifier=kept ~ suffix, type='table')) }}
{% endmacro %}


{# The names of a swap as literals: where the new one is populated, the old one dropped, and a reader of the new one lives. #}
{% macro _places_of_swap(table) %}
    {%- set places = {'schema': pgstream._literal(table.schema), 'table': pgstream._literal(table.identifier)} -%}
    {%- for place in ['next', 'old', 'tap'] -%}
        {%- do places.update({place: pgstream._literal(pgstream._beside(table, '__' ~ place).identifier)}) -%}
    {%- endfor -%}
    {{ return(places) }}
{% endmacro %}


{% macro _way_out_of_swap() %}
    {{ return(pgstream._literal('remove that first, or recreate the table, which drops all that: dbt run --full-refresh, or on_query_change: recreate')) }}
{% endmacro %}


{# For as long as the session lasts, but for what gives all its locks back. #}
{% macro _keep_other_swaps_away(table) %}
    {%- set query = 'select pg_try_advisory_lock(1885827957, hashtext(' ~ pgstream._literal(pgstream._qualified_name(table)) ~ ')) as locked' -%}
    {%- if not pgstream._rows(query, auto_begin=true)[0].locked -%}
        {%- do pgstream._fail('stream table ' ~ pgstream._qualified_name(table) ~ ' is being replaced by another session: run dbt again when that has ended') -%}
    {%- endif -%}
{% endmacro %}


{# What an earlier swap has left behind. #}
{% macro _drop_beside_steps(table) %}
    {%- set steps = [] -%}
    {%- for suffix in ['__tap', '__next'] -%}
        {%- set one = pgstream._beside(table, suffix) -%}
        {%- do steps.append(pgstream._drop_steps(one, pgstream._find(one))) -%}
    {%- endfor -%}
    {{ return(steps | join('\n')) }}
{% endmacro %}


{# A reader of the new one, for which the engine makes the change buffer that all its readers need. #}
{% macro _tap_steps(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set tap = pgstream._beside(table, '__tap') -%}
    {%- set new = pgstream._beside(table, '__next') -%}
    {%- if engine.buffers_of_read %}
            if exists (
                select
                from {{ engine.dependencies }} as d
                join {{ engine.catalog }} as st on st.{{ engine.relid }} = d.source_relid
                where {{ pgstream._is_row_of(table) }}
            ) then
                perform {{ engine.create }}(
                    name => {{ pgstream._literal(pgstream._qualified_name(tap)) }},
                    query => (
                        select format('select %s from {{ new.include(database=false) | replace("'", "''") }}', string_agg(quote_ident(a.attname), ', ' order by a.attnum))
                        from pg_catalog.pg_attribute as a
                        where a.attrelid = to_regclass({{ pgstream._literal(new.include(database=false) | string) }}) and a.attnum > 0
                            and not {{ pgstream._is_internal('a.attname') }}
                    ),
                    schedule => {{ pgstream._literal(engine.driven) }},
                    refresh_mode => 'DIFFERENTIAL',
                    {%- for key, value in engine.create_settings.items() %}
                    {{ key }} => {{ pgstream._literal(value) }},
                    {%- endfor %}
                    initialize => false
                );
{{ pgstream._alter_steps(tap, engine.unattended_settings) }}
            end if;
    {%- endif %}
{% endmacro %}


{# Makes the engine forget what it remembers of a stream table by its name. #}
{% macro _alter_to_same(table) -%}
    {%- set engine = pgstream._engine() -%}
    {%- if engine.alter_to_same -%}
        perform {{ engine.alter }}({{ pgstream._literal(pgstream._qualified_name(table)) }}, {{ engine.alter_to_same }})
        from {{ engine.catalog }} as st
        where st.{{ engine.id }} = v_new_id;
    {%- endif -%}
{%- endmacro %}


{# Before it is done: all rows exist twice for a while. #}
{% macro _say_what_it_takes(table, found) %}
    {%- set size = pgstream._rows('select pg_size_pretty(pg_total_relation_size(' ~ found.oid ~ ')) as size')[0].size -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ' is swapped: all its rows (' ~ size ~ ' now) are computed again beside it, which takes about as long as its first population; readers go on meanwhile') -%}
{% endmacro %}


{% macro _say_what_is_left_out(table) %}
    {%- set indexes = pgstream._rows("select current_setting('swap.left_out', true) as names")[0].names -%}
    {%- if indexes -%}
        {%- do exceptions.warn('stream table ' ~ pgstream._qualified_name(table) ~ ' comes without index ' ~ indexes ~ ', of a column that is gone') -%}
    {%- endif -%}
{% endmacro %}
