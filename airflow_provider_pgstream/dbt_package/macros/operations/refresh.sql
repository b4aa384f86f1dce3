{% macro pgstream_refresh(model_name) %}
    {%- set table = pgstream.table_named('pgstream_refresh', model_name) -%}
    {%- do pgstream.look_at_existing(table) -%}
    {%- do pgstream.execute_steps(table, 'refreshed', pgstream.refresh_steps(table)) -%}
    {%- do pgstream.say(pgstream.engine_name(table) ~ ': refreshed') -%}
{% endmacro %}


{# Recomputes a stream table whose rows are wrong, or may be. #}
{% macro pgstream_repair(model_name) %}
    {%- set table = pgstream.table_named('pgstream_repair', model_name) -%}
    {%- do pgstream.look_at_existing(table) -%}
    {%- do pgstream.execute_steps(table, 'repaired', pgstream.refresh_steps(table, full=true)) -%}
    {%- do pgstream.say(pgstream.engine_name(table) ~ ': repaired (recomputed in full)') -%}
{% endmacro %}


{#
    All stream tables of this project, those they read before those that read them. One that fails keeps those that
    read it from being refreshed, not the others; the operation fails at the end.

    All of it runs in one session, and there the engine's second differential refresh deletes changes which other
    tables on the sources of the first have not read: see `must_recompute`.
#}
{% macro pgstream_refresh_all() %}
    {%- do pgstream.require_engine() -%}
    {%- set failed = [] -%}
    {%- set refreshed = [] -%}
    {%- for node in pgstream.stream_table_models() -%}
        {%- set table = pgstream.table_of(node) -%}
        {%- set outcome = pgstream.refresh_one(node, table, failed, refreshed) -%}
        {%- if outcome.startswith('ERROR') -%}
            {%- do failed.append(node.unique_id) -%}
        {%- elif outcome.startswith('refreshed') -%}
            {%- do refreshed.append(table) -%}
        {%- endif -%}
        {%- do pgstream.say(pgstream.engine_name(table) ~ ': ' ~ outcome) -%}
    {%- endfor -%}
    {%- if failed -%}
        {{ exceptions.raise_compiler_error(failed | length ~ " stream tables were not refreshed: see the lines above") }}
    {%- endif -%}
{% endmacro %}


{% macro refresh_one(node, table, failed, refreshed) %}
    {%- set found = pgstream.look(table) -%}
    {%- if not found.is_stream_table -%}
        {{ return('ERROR it is not there: dbt run creates it') }}
    {%- elif found.status == 'SUSPENDED' and pgstream.is_paused_by(node) -%}
        {{ return('SKIP paused by its model') }}
    {%- endif -%}
    {%- set broken = pgstream.upstream_of(node) | select('in', failed) | list -%}
    {%- if broken -%}
        {{ return('ERROR left out, because it reads ' ~ broken | map('replace', 'model.', '') | join(', ')) }}
    {%- endif -%}
    {%- set full = pgstream.must_recompute(refreshed) -%}
    {%- do pgstream.execute_steps(table, 'refreshed', pgstream.refresh_steps(table, full=full), keep_error=true) -%}
    {%- set error = pgstream.rows("select current_setting('pgstream.error') as text")[0].text -%}
    {%- if error -%}
        {{ return('ERROR ' ~ error) }}
    {%- endif -%}
    {{ return('refreshed' ~ (' (recomputed in full)' if full and found.refresh_mode == 'DIFFERENTIAL' else '')) }}
{% endmacro %}


{# Ids of all that a node reads, through others too. #}
{% macro upstream_of(node) %}
    {%- set seen = {} -%}
    {%- for id in (node.get('depends_on') or {}).get('nodes', []) -%}
        {%- do pgstream.visit(id, seen, []) -%}
    {%- endfor -%}
    {{ return(seen.keys() | list) }}
{% endmacro %}


{#
    A differential refresh puts the clean-up of its sources' changes off to the next differential refresh of the same
    session. That is harmless only where no other stream table reads those sources; a full one never cleans up.
#}
{% macro must_recompute(refreshed) %}
    {%- if not refreshed -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set engine = pgstream.engine() -%}
    {%- set names = [] -%}
    {%- for table in refreshed -%}
        {%- do names.append('(' ~ pgstream.literal(table.schema) ~ ', ' ~ pgstream.literal(table.identifier) ~ ')') -%}
    {%- endfor -%}
    {%- set query %}
        select exists (
            select
            from {{ engine.dependencies }} as mine
            join {{ engine.stream_tables }} as st using ({{ engine.id }})
            join {{ engine.dependencies }} as other on other.source_relid = mine.source_relid and other.{{ engine.id }} <> mine.{{ engine.id }}
            where (st.{{ engine.schema_name }}, st.{{ engine.name }}) in ({{ names | join(', ') }})
                and st.refresh_mode = 'DIFFERENTIAL' and mine.source_type = 'TABLE'
        ) as yes
    {%- endset -%}
    {{ return(pgstream.rows(query)[0].yes) }}
{% endmacro %}


{% macro is_paused_by(node) %}
    {%- set status = pgstream.setting_of(node.config, 'status', none) -%}
    {{ return(status is string and status | upper in ('PAUSED', 'SUSPENDED')) }}
{% endmacro %}
