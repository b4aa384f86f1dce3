{#
    A new stream table with its rows: created empty, which holds its sources for a moment only, then populated at a
    boundary. What takes another's place is populated beside it, as `name__next`, and the old one stays as it was until
    then. Populating has transactions of its own, so it commits what the model's transaction has done before, pre-hooks
    included; the swap belongs to the transaction that goes on afterwards, with grants, comments and post-hooks.
#}
{% macro _create_populated(table, done, found, query, settings) %}
    {%- set is_beside = (found.kind is not none or found.is_stream_table) and found.may_rename -%}
    {%- set new = pgstream._successor_of(table) if is_beside else table -%}
    {%- set steps = [
        pgstream._drop_steps(new, pgstream._find(new) if is_beside else found),
        pgstream._schema_steps(table, found),
        pgstream._create_steps(new, query, settings),
        pgstream._keep_lock_steps(new),
    ] -%}
    {%- do pgstream._run_in_model(table, done, steps | join('\n')) -%}
    {%- do create_indexes(new) -%}
    {%- set outcome = pgstream._refresh(new, done) -%}
    {%- if outcome.error -%}
        {%- do pgstream._discard(new, outcome.error | replace(pgstream._qualified_name(new), pgstream._qualified_name(table))) -%}
    {%- endif -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ': ' ~ pgstream._told(outcome, 'populated')) -%}
    {%- do run_query('begin') -%}
    {%- do pgstream._finish(table, new, done, settings) -%}
{% endmacro %}


{# The last steps of a creation: the new one takes its place and has its status. #}
{% macro _finish(table, new, done, settings) %}
    {%- set steps = [pgstream._status_steps(new, settings)] -%}
    {%- if new.identifier != table.identifier -%}
        {%- do steps.append(pgstream._drop_steps(table, pgstream._find(table))) -%}
        {%- do steps.append(pgstream._rename_steps(new, table)) -%}
    {%- endif -%}
    {%- set steps = steps | select | join('\n') -%}
    {%- if steps -%}
        {%- do pgstream._run_in_model(table, done, steps, keep_error=true) -%}
        {%- set error = pgstream._rows("select current_setting('pgstream.error') as text")[0].text -%}
        {%- if error -%}
            {%- do run_query('rollback') -%}
            {%- do pgstream._discard(new, 'stream table ' ~ pgstream._qualified_name(table) ~ ' could not be ' ~ done ~ ': ' ~ error) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{# Drops what could not be populated, and fails with the error that says why. #}
{% macro _discard(new, error) %}
    {%- do pgstream._run_steps(new, 'dropped', pgstream._drop_steps(new, pgstream._find(new)), keep_error=true) -%}
    {%- set another = pgstream._rows("select current_setting('pgstream.error') as text")[0].text -%}
    {%- do pgstream._fail(error ~ ('\nand ' ~ pgstream._qualified_name(new) ~ ', which is not finished, could not be dropped again: ' ~ another if another else '')) -%}
{% endmacro %}


{# Whoever finds it empty from the commit on waits until it is populated. #}
{% macro _keep_lock_steps(new) %}
    {%- set engine = pgstream._engine() -%}
    {{ return('            perform pg_advisory_lock(st.' ~ engine.id ~ ') from ' ~ engine.catalog ~ ' as st where ' ~ pgstream._is_row_of(new) ~ ';') }}
{% endmacro %}


{# Whether a run that creates the stream table gives it its rows. #}
{% macro _populates(settings) %}
    {{ return(settings.initialize or settings.refresh != 'never' or settings.wait_for_populated > 0) }}
{% endmacro %}


{# Where the successor of a stream table is populated: its own name, cut to what PostgreSQL can hold. #}
{% macro _successor_of(table) %}
    {%- set name = table.identifier.encode('utf-8')[:57].decode('utf-8', 'ignore') ~ '__next' -%}
    {{ return(api.Relation.create(database=table.database, schema=table.schema, identifier=name, type='table')) }}
{% endmacro %}
