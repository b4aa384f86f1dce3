{#
    Refreshes a stream table at a boundary, and returns what became of it: `action`, `reason` (why in full), `position`
    and `held_ms`, or an `error`, which the caller raises with `_fail`. Writers of its sources wait for the moment of the
    boundary, not for the refresh.

    It commits what is open, and leaves no transaction. The engine's own lock on the stream table is held by the session
    meanwhile: other refreshes and bare calls stay away until the commit, which the engine itself would not see to.

    With a `query` the engine is given that one, instead of being asked for a refresh; `kind` is `unequal`, and nothing is
    changed, where it made something else of it. With `unless_populated` one that another session has populated meanwhile is left alone, and `action` is none.
#}
{% macro _refresh(table, purpose, full=false, unless_populated=false, query=none) %}
    {%- do run_query('commit') -%}
    {%- set seen = pgstream._to_refresh(table) -%}
    {%- set error = pgstream._error_of(table, seen) or pgstream._lock_refresh(table, seen) -%}
    {%- if error -%}
        {{ return({'error': error}) }}
    {%- endif -%}
    {%- do pgstream._say_if_throughout(table, seen) -%}
    {%- if unless_populated and pgstream._to_refresh(table).is_populated -%}
        {%- set outcome = {'action': none} -%}
    {%- else -%}
        {%- set outcome = pgstream._refresh_in_attempts(table, purpose, seen, full, query) -%}
    {%- endif -%}
    {%- do run_query('select pg_advisory_unlock_all()') -%}
    {{ return(outcome) }}
{% endmacro %}


{% macro _refresh_in_attempts(table, purpose, locked, full, query) %}
    {%- set seconds = pgstream._seconds('the var pgstream_lock_timeout', var('pgstream_lock_timeout', 10)) -%}
    {%- set attempts = pgstream._attempts(seconds, locked.deadlock_timeout) -%}
    {%- set next = namespace(seen=locked, first=none, changes=0) -%}
    {%- for _ in range(10000) -%}
        {%- set error = pgstream._error_of(table, next.seen, locked.id) -%}
        {%- if error -%}
            {{ return({'error': error}) }}
        {%- endif -%}
        {%- set outcome = pgstream._clean(next.seen, attempts) -%}
        {%- if outcome is none -%}
            {%- set steps = pgstream._refresh_steps(table, next.seen, full, query) -%}
            {%- do run_query(pgstream._boundary_block(table, purpose, next.seen, attempts, next.first, steps)) -%}
            {%- set outcome = pgstream._rows("select current_setting('pgstream.outcome')::json as one")[0].one -%}
        {%- endif -%}
        {%- if outcome.kind in ('done', 'unequal') -%}
            {{ return(outcome) }}
        {%- elif outcome.kind == 'busy' -%}
            {%- set next.first = outcome.blocked -%}
            {%- set error = pgstream._pause_after(table, purpose, next.seen, outcome, attempts) -%}
        {%- elif outcome.kind == 'changed' and next.changes < 19 -%}
            {%- set next.changes = next.changes + 1 -%}
        {%- else -%}
            {%- set error = pgstream._sentence_of(table, purpose, next.seen, outcome) -%}
        {%- endif -%}
        {%- if error -%}
            {{ return({'error': error}) }}
        {%- endif -%}
        {%- set next.seen = pgstream._to_refresh(table) -%}
    {%- endfor -%}
{% endmacro %}


{# Pauses after an attempt whose lock did not come; returns the sentence with who holds it where the time is over. #}
{% macro _pause_after(table, purpose, seen, outcome, attempts, modes=none) %}
    {%- set own = outcome.blocked is none or outcome.blocked == seen.storage_oid -%}
    {%- set holders = pgstream._holders(seen.storage_oid if own else outcome.blocked, modes or pgstream._modes_against(own)) -%}
    {%- if pgstream._is_last(attempts) -%}
        {%- set name = pgstream._qualified_name(table) if own else pgstream._names_of(seen.sources | selectattr('oid', 'equalto', outcome.blocked)) or 'a change buffer of what it reads' -%}
        {{ return(pgstream._locked_out(table, purpose, name, own, holders)) }}
    {%- endif -%}
    {%- set only_autovacuum = holders | length > 0 and not holders | rejectattr('is_autovacuum') | list -%}
    {%- do run_query('select pg_sleep(' ~ pgstream._attempt_failed(attempts, only_autovacuum) ~ ')') -%}
    {{ return(none) }}
{% endmacro %}


{# PL/pgSQL for a transaction at a boundary: decide, refresh, and store the position. #}
{% macro _refresh_steps(table, seen, full, query=none) %}
    {%- set engine = pgstream._engine() -%}
    {%- set name = pgstream._literal(pgstream._qualified_name(table)) -%}
    {%- set written = pgstream._written_sources(seen) -%}
    {%- set steps %}
        declare
            {{- pgstream._decision_variables(seen) }}
            v_file oid;
        begin
        {{- pgstream._demand_clean_steps(seen) }}
        {{- pgstream._decide_steps(table, seen, full) }}
        {{- pgstream._leave_error_steps(table) }}
        v_file := pg_relation_filenode({{ seen.storage_oid }});
        {%- if written and engine.defers_clean_up %}
        {{- pgstream._forget_left_clean_up_steps(name) }}
        {%- endif %}
        v_called := true;
        {%- if query is none %}
        {{ pgstream._call_refresh(name, seen) }}
        {%- else %}
        {{- pgstream._requery_steps(table, seen, query) }}
        {%- endif %}
        {{- pgstream._demand_done_steps(seen) }}
        v_action := case when v_full or v_file <> pg_relation_filenode({{ seen.storage_oid }}) then 'FULL' else 'DIFFERENTIAL' end;
        {%- if written and engine.defers_clean_up %}
        {{- pgstream._forget_clean_up_steps(name) }}
        {%- endif %}
        {%- if written and not seen.throughout %}
        {{ pgstream._set_frontier(seen.id, written | map(attribute='oid'), 'v_position') }}
        {%- endif %}
        end;
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}


{# The engine's own refresh; of one that is EXTERNAL, with all that it reads. #}
{% macro _call_refresh(name, seen) -%}
    {%- set engine = pgstream._engine() -%}
    {%- set table = 'array[' ~ seen.storage_oid ~ '::regclass]' -%}
    {%- if seen.is_external -%}
        perform from {{ engine.schema }}.graph_contract({{ table }}) as c, {{ engine.schema }}.refresh_graph_strict({{ table }}, c.graph_digest, 'ALLOW');
    {%- else -%}
        perform {{ engine.refresh }}({{ name }});
    {%- endif -%}
{%- endmacro %}


{#
    A differential refresh puts the clean-up of its sources' changes off to the next one of the same session, where it
    deletes what other stream tables have not read; and dbt has one session. A second refresh in the same snapshot finds
    no changes: it does the clean-up, puts none off, and is rolled back.
#}
{% macro _forget_clean_up_steps(name) %}
        if v_action = 'DIFFERENTIAL' then
            begin
                perform {{ pgstream._engine().refresh }}({{ name }});
                raise exception using errcode = 'PGSGO';
            exception when sqlstate 'PGSGO' then
                null;
            end;
        end if;
{%- endmacro %}


{# One in ERROR is refused a refresh until it is made active. #}
{% macro _leave_error_steps(table) %}
        {%- if pgstream._engine().stays_in_error %}
        if v_seen.status = 'ERROR' then
            {{ pgstream._alter_steps(table, {'status': 'ACTIVE'}) | trim }}
        end if;
        {%- endif %}
{%- endmacro %}


{# A refresh that the engine skipped looks like one that succeeded; PGSCH: begin again. #}
{% macro _demand_done_steps(seen) %}
    {%- set engine = pgstream._engine() %}
        {%- if engine.skips %}
        if (select st.last_refresh_at = now() from {{ engine.catalog }} as st where st.{{ engine.id }} = {{ seen.id }}) is not true then
            raise exception using errcode = 'PGSCH', message = 'the engine skipped the refresh';
        end if;
        {%- endif %}
{%- endmacro %}


{# One that could not be committed has left its clean-up in the session: of the two refreshes here the second puts none off. #}
{% macro _forget_left_clean_up_steps(name) %}
        if current_setting('pgstream.clean_up_is_left', true) = 'yes' and not v_full then
            begin
                perform {{ pgstream._engine().refresh }}({{ name }});
                perform {{ pgstream._engine().refresh }}({{ name }});
                raise exception using errcode = 'PGSGO';
            exception when sqlstate 'PGSGO' then
                perform set_config('pgstream.clean_up_is_left', 'no', false);
            end;
        end if;
{%- endmacro %}
