{% macro pgstream_refresh(model_name, consistent=false) %}
    {%- do pgstream._refuse_consistent('pgstream_refresh', consistent) -%}
    {%- set table = pgstream._existing_table('pgstream_refresh', model_name) -%}
    {%- set outcome = pgstream._refresh_or_fail(table, 'refreshed') -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ' ~ pgstream._told(outcome, 'refreshed')) -%}
{% endmacro %}


{# Recomputes a stream table whose rows are wrong, or may be. #}
{% macro pgstream_repair(model_name) %}
    {%- set table = pgstream._existing_table('pgstream_repair', model_name) -%}
    {%- set outcome = pgstream._refresh_or_fail(table, 'repaired', full=true) -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ' ~ pgstream._told(outcome, 'repaired (recomputed in full)')) -%}
{% endmacro %}


{#
    All stream tables of this project, those they read before those that read them. One that fails keeps those that
    read it from being refreshed, not the others; the operation fails at the end.
#}
{% macro pgstream_refresh_all(consistent=false) %}
    {%- do pgstream._refuse_consistent('pgstream_refresh_all', consistent) -%}
    {%- do pgstream._engine() -%}
    {%- set outcomes = [] -%}
    {%- set failed = [] -%}
    {%- for node in pgstream._stream_table_models() -%}
        {%- set table = pgstream._table_of(node) -%}
        {%- set outcome = pgstream._refresh_one(node, table, failed) -%}
        {%- if outcome.level == 'ERROR' -%}
            {%- do failed.append(node.unique_id) -%}
        {%- endif -%}
        {%- do pgstream._report(outcomes, pgstream._qualified_name(table), outcome.level, outcome.text) -%}
    {%- endfor -%}
    {%- do pgstream._conclude('pgstream_refresh_all', outcomes, 'stream tables were not refreshed') -%}
{% endmacro %}


{# Several tables as of one moment take a session for each, which share a snapshot. #}
{% macro _refuse_consistent(operation, consistent) %}
    {%- if consistent -%}
        {%- do exceptions.raise_compiler_error(operation ~ ": dbt has one session, and consistent takes one for each stream table: refresh them with PgStreamRefreshOperator(stream_table=[…], consistent=True) of airflow-provider-pgstream") -%}
    {%- endif -%}
{% endmacro %}


{% macro _refresh_one(node, table, failed) %}
    {%- set found = pgstream._find(table) -%}
    {%- set not_refreshed = pgstream._upstream_of(node) | select('in', failed) | map('replace', 'model.', '') | join(', ') -%}
    {%- if not found.is_stream_table -%}
        {{ return({'level': 'ERROR', 'text': 'it is not there: dbt run creates it'}) }}
    {%- elif found.status == 'SUSPENDED' and pgstream._is_paused_by(node) -%}
        {{ return({'level': 'SKIP', 'text': 'paused by its model'}) }}
    {%- elif not_refreshed -%}
        {{ return({'level': 'ERROR', 'text': 'left out, because it reads ' ~ not_refreshed}) }}
    {%- endif -%}
    {%- set outcome = pgstream._refresh(table, 'refreshed') -%}
    {{ return({'level': 'ERROR', 'text': outcome.error} if outcome.error else {'level': none, 'text': pgstream._told(outcome, 'refreshed')}) }}
{% endmacro %}


{# Ids of all that a node reads, through others too. #}
{% macro _upstream_of(node) %}
    {%- set seen = {} -%}
    {%- for id in (node.get('depends_on') or {}).get('nodes', []) -%}
        {%- do pgstream._visit(id, seen, []) -%}
    {%- endfor -%}
    {{ return(seen.keys() | list) }}
{% endmacro %}


{% macro _refresh_or_fail(table, purpose, full=false, unless_populated=false) %}
    {%- set outcome = pgstream._refresh(table, purpose, full, unless_populated) -%}
    {%- if outcome.error -%}
        {%- do pgstream._fail(outcome.error) -%}
    {%- endif -%}
    {{ return(outcome) }}
{% endmacro %}


{# One line about a refresh: how, why in full, as of when, and for how long writers were kept out. #}
{% macro _told(outcome, done) %}
    {%- set parts = [outcome.action, outcome.reason, 'at ' ~ outcome.position if outcome.position else none, 'writers waited ' ~ outcome.held_ms ~ ' ms at most' if outcome.held_ms is not none else none] -%}
    {{ return(done ~ ' (' ~ parts | select | join(', ') ~ ')') }}
{% endmacro %}
