{#
    Compares a stream table with its query in one snapshot that is rolled back, and returns what was found, or an
    `error`: `surplus`, `missing`, `examples`; `compared` ('as it is' or 'after a refresh'), the trial refresh's `action`,
    and `lag`, why a difference may be nothing but that. No lock is taken but that of every reader.

    Equal as it is: readers see the right rows. Different, and no change pending: they do not. Else it is refreshed in
    trial: if that took the changes in, what still differs is wrong; if it recomputed the table, nothing is known of
    the rows that readers see.
#}
{% macro _verify(table, limit) %}
    {%- do run_query('commit') -%}
    {%- set seconds = pgstream._seconds('the var pgstream_lock_timeout', var('pgstream_lock_timeout', 10)) -%}
    {%- set next = namespace(attempts=none, changes=0) -%}
    {%- for _ in range(10000) -%}
        {%- set seen = pgstream._to_refresh(table) -%}
        {%- set error = pgstream._error_of(table, seen, refuses_pause=false) -%}
        {%- if error -%}
            {{ return({'error': error}) }}
        {%- endif -%}
        {%- set next.attempts = next.attempts or pgstream._attempts(seconds, seen.deadlock_timeout) -%}
        {%- set comparison = pgstream._comparison(table, pgstream._query_text(seen.query), pgstream._compared_columns(seen.storage_oid), limit) -%}
        {%- set steps = pgstream._verify_steps(table, seen, comparison) -%}
        {%- do run_query(pgstream._boundary_block(table, 'verified', pgstream._as_read_only(table, seen), next.attempts, none, steps)) -%}
        {%- set outcome = pgstream._rows("select current_setting('pgstream.outcome')::json as one")[0].one -%}
        {%- if outcome.kind == 'done' -%}
            {{ return(outcome.result) }}
        {%- elif outcome.kind == 'busy' -%}
            {%- set error = pgstream._pause_after(table, 'verified', seen, outcome, next.attempts, ['AccessExclusiveLock']) -%}
        {%- elif outcome.kind == 'changed' and next.changes < 19 -%}
            {%- set next.changes = next.changes + 1 -%}
        {%- else -%}
            {%- set error = pgstream._sentence_of(table, 'verified', seen, outcome) -%}
        {%- endif -%}
        {%- if error -%}
            {{ return({'error': error}) }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{# What is locked for a comparison: the table itself and what it reads, as readers lock them. #}
{% macro _as_read_only(table, seen) %}
    {%- set own = {'oid': seen.storage_oid, 'kind': 'STREAM_TABLE', 'schema': table.schema, 'name': table.identifier} -%}
    {{ return(dict(seen, sources=[own] + seen.sources, refresh_mode='FULL')) }}
{% endmacro %}


{# PL/pgSQL for a transaction at a boundary: compare, leave what was found in `v_result`, and keep nothing. #}
{% macro _verify_steps(table, seen, comparison) %}
    {%- set is_paused = seen.status == 'SUSPENDED' -%}
    {%- set steps %}
        declare
            {{- pgstream._decision_variables(seen) }}
            v_pending boolean;
            v_lag text;
            v_before jsonb;
            v_after jsonb;
        begin
        {{- pgstream._pending_steps(seen, pgstream._buffers_of(seen.id)) }}
        v_position := {{ pgstream._engine().position }}::text;
        {{- pgstream._decide_steps(table, seen, full=false, refuses=false) }}
        {%- if seen.refresh_mode == 'DIFFERENTIAL' %}
        if v_full and v_reason is distinct from {{ pgstream._literal(pgstream._distrust()) }} then
            v_pending := null;
        end if;
        {%- endif %}
        if v_pending is not true or v_full or {{ is_paused }} then
            {{- pgstream._compare_into('v_before', comparison) }}
        end if;
        if v_before is null or not (v_before @> '{"surplus": 0, "missing": 0}' or v_pending is false) then
            {%- if is_paused %}
            v_lag := 'it is SUSPENDED (paused), so it was not refreshed in trial';
            {%- else %}
            {{- pgstream._trial_steps(table, seen, comparison) }}
            if v_before is null and v_action is distinct from 'DIFFERENTIAL' then
                {{- pgstream._compare_into('v_before', comparison) }}
            end if;
            {%- endif %}
        end if;
        v_result := {{ pgstream._proved() }};
        raise exception using errcode = 'PGSGO';
        exception when sqlstate 'PGSGO' then
            null;
        end;
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}


{% macro _compare_into(variable, comparison) %}
            execute {{ pgstream._literal('select to_jsonb(found) from (' ~ comparison ~ ') as found') }} into {{ variable }};
{%- endmacro %}


{# Refreshes in trial and compares; says in `v_lag` why it could not, where others are in the way. #}
{% macro _trial_steps(table, seen, comparison) %}
    {%- set engine = pgstream._engine() %}
            declare
                v_file oid := pg_relation_filenode({{ seen.storage_oid }});
            begin
                perform set_config('lock_timeout', '900ms', true);
                {{- pgstream._leave_error_steps(table) }}
                {{ pgstream._call_refresh(pgstream._literal(pgstream._qualified_name(table)), seen) }}
                {{- pgstream._demand_done_steps(seen) }}
                v_action := case when v_full or v_file <> pg_relation_filenode({{ seen.storage_oid }}) then 'FULL' else 'DIFFERENTIAL' end;
                {{- pgstream._compare_into('v_after', comparison) }}
                raise exception using errcode = 'PGSGO';
            exception
                when sqlstate 'PGSGO' then
                    null;
                when lock_not_available or deadlock_detected or serialization_failure then
                    v_lag := 'a trial refresh did not get the lock on it, which readers, or writers of it, hold';
                when sqlstate 'PGSCH' then
                    v_lag := 'another session is refreshing it';
                when internal_error then
                    if sqlerrm not like {{ pgstream._literal(engine.busy) }} then
                        raise;
                    end if;
                    v_lag := 'another session is refreshing it';
            end;
            perform pg_advisory_unlock_all();
{%- endmacro %}


{# What the comparisons before and after a trial refresh prove together. #}
{% macro _proved() -%}
    case
        when v_before is null or v_after is not null
            and not v_before @> '{"surplus": 0, "missing": 0}' and not v_after @> '{"surplus": 0, "missing": 0}'
            then v_after || jsonb_build_object('compared', 'after a refresh', 'action', v_action, 'warning', v_warning)
        else v_before || jsonb_build_object('compared', 'as it is', 'action', v_action, 'warning', v_warning, 'lag', case
            when v_before @> '{"surplus": 0, "missing": 0}' or v_pending is false then null
            else case when v_pending then 'changes are pending; ' else 'it is not known whether changes are pending; ' end
                || coalesce(v_lag, 'a trial refresh recomputed it, and made it equal')
        end)
    end
{%- endmacro %}
