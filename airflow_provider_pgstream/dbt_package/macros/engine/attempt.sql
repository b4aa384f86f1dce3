{#
    Runs PL/pgSQL statements of ours against the engine, in one transaction, under the engine's fixed search path.

    Locks are taken in attempts of a second each, until `pgstream_lock_timeout` seconds have gone: new writers
    then never queue for long behind an old transaction. Each attempt is a subtransaction, so one that fails gives
    back what it locked. A refresh that another session is running already is waited for in the same way.

    A failed refresh leaves the engine's session-level lock behind: it is released before the error goes on.
#}
{% macro attempt(table, purpose, steps, keep_error=false) %}
    {{ return(adapter.dispatch('attempt', 'pgstream')(table, purpose, steps, keep_error)) }}
{% endmacro %}


{% macro default__attempt(table, purpose, steps, keep_error) %}
    {%- set engine = pgstream.engine() -%}
    {%- set subject = pgstream.literal(pgstream.engine_name(table)) -%}
    {%- set seconds = pgstream.lock_timeout() -%}
    {%- set body %}  -- stream table {{ pgstream.engine_name(table) | replace('\n', ' ') }}, to be {{ purpose | replace('\n', ' ') }}
declare
    v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => {{ seconds }});
    v_search_path constant text := current_setting('search_path');
    v_lock_timeout constant text := current_setting('lock_timeout');
    v_id bigint;
    v_needs_full boolean;
    v_source record;
    v_locking oid;
    v_code text;
    v_message text;
    v_detail text;
    v_hint text;
begin
    loop
        v_locking := null;
        v_message := null;
        v_detail := null;
        v_hint := null;
        begin
            perform set_config('search_path', {{ pgstream.literal(engine.search_path) }}, true);
            perform set_config('lock_timeout', '900ms', true);  -- under deadlock_timeout: a writer never gives way to us
{{ steps }}
            exit;
        exception
            when lock_not_available or deadlock_detected then
                v_code := sqlstate;
                v_message := {{ pgstream.literal('a lock on what it reads or on itself did not come within ' ~ seconds ~ ' seconds') }};
                v_detail := ({{ pgstream.lock_holders(table, 'v_locking') }});
                v_hint := 'end the sessions named here, or allow more seconds with the dbt var pgstream_lock_timeout';
            when internal_error or syntax_error_or_access_rule_violation or data_exception
                or integrity_constraint_violation or feature_not_supported or object_not_in_prerequisite_state then
                get stacked diagnostics
                    v_code = returned_sqlstate, v_message = message_text,
                    v_detail = pg_exception_detail, v_hint = pg_exception_hint;
                if v_code = 'XX000' then
                    v_detail := null;  -- a backtrace of the engine's
                end if;
                v_hint := coalesce(nullif(v_hint, ''), {{ pgstream.hint_for('v_message', 'v_code') }});
        end;
        perform pg_advisory_unlock_all();
        if clock_timestamp() >= v_deadline
            or not (v_code in ('55P03', '40P01') or v_message like 'refresh skipped:%') then
            exit;
        end if;
        perform pg_sleep(0.1);
    end loop;
    perform set_config('search_path', v_search_path, true);
    perform set_config('lock_timeout', v_lock_timeout, true);
{%- if keep_error %}
    perform set_config('pgstream.error', concat_ws(E'\n', v_message, nullif(v_detail, ''), 'hint: ' || nullif(v_hint, '')), false);
{%- else %}
    if v_message is not null then
        raise exception using
            errcode = v_code,
            message = concat_ws(E'\n',
                format('stream table %s could not be %s: %s', {{ subject }}, {{ pgstream.literal(purpose) }}, v_message),
                nullif(v_detail, ''),
                'hint: ' || nullif(v_hint, ''));
    end if;
{%- endif %}
end
    {% endset -%}
    {{ return(pgstream.do_block(body)) }}
{% endmacro %}


{# Seconds. #}
{% macro lock_timeout() %}
    {%- set value = var('pgstream_lock_timeout', 10) -%}
    {%- set seconds = value | float(-1) -%}
    {%- if seconds < 0 or value is boolean -%}
        {{ exceptions.raise_compiler_error("the var pgstream_lock_timeout is '" ~ value ~ "': expected seconds, 0 or more") }}
    {%- endif -%}
    {{ return(seconds) }}
{% endmacro %}


{# The sessions in the way: writers of the relation that was being locked, or of any where the engine did the locking. #}
{% macro lock_holders(table, locking) -%}
    select string_agg(format('process %s (%s) holds %s since %s: %s', a.pid, a.usename, l.relation::regclass, a.xact_start, left(a.query, 200)), E'\n')
    from pg_catalog.pg_locks as l
    join pg_catalog.pg_stat_activity as a on a.pid = l.pid and a.datname = current_database()
    where l.granted and l.pid <> pg_backend_pid() and l.locktype = 'relation'
        and case
            when {{ locking }} is not null then l.relation = {{ locking }} and l.mode not in ('AccessShareLock', 'RowShareLock')
            else l.relation = to_regclass({{ pgstream.literal(table.include(database=false) | string) }})
                or l.relation >= 16384 and l.mode not in ('AccessShareLock', 'RowShareLock')
        end
{%- endmacro %}
