{#
    Runs PL/pgSQL statements of ours against the engine, in one transaction, under the engine's fixed search path.

    Locks are taken in attempts of a second each, until `pgstream_lock_timeout` seconds have gone: new writers
    then never queue for long behind an old transaction. Each attempt is a subtransaction, so one that fails releases
    what it locked. A refresh that another session is running already is waited for in the same way.
    A refresh to keep is not run so, but by `_refresh`.

    A failed refresh leaves the engine's session-level lock behind: it is released before the error goes on.
#}
{% macro _attempt(table, purpose, steps, keep_error=false) %}
    {%- set engine = pgstream._engine() -%}
    {%- set subject = pgstream._literal(pgstream._qualified_name(table)) -%}
    {%- set seconds = pgstream._seconds('the var pgstream_lock_timeout', var('pgstream_lock_timeout', 10)) -%}
    {%- set body %}  -- stream table {{ pgstream._qualified_name(table) | replace('\n', ' ') }}, to be {{ purpose | replace('\n', ' ') }}
declare
    v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => {{ seconds }});
    v_search_path constant text := current_setting('search_path');
    v_lock_timeout constant text := current_setting('lock_timeout');
    v_code text;
    v_message text;
    v_detail text;
    v_hint text;
begin
    loop
        v_message := null;
        v_detail := null;
        v_hint := null;
        begin
            perform set_config('search_path', {{ pgstream._literal(engine.search_path) }}, true);
            perform set_config('lock_timeout', '900ms', true);  -- under deadlock_timeout: no writer becomes a deadlock's victim for us
{{ steps }}
            exit;
        exception
            when lock_not_available or deadlock_detected then
                v_code := sqlstate;
                v_message := {{ pgstream._literal('a lock on what it reads or on itself did not come within ' ~ seconds ~ ' seconds') }};
                v_detail := ({{ pgstream._lock_holders(table) }});
                v_hint := 'end the sessions named here, or allow more seconds with the dbt var pgstream_lock_timeout';
            when internal_error or syntax_error_or_access_rule_violation or data_exception
                or integrity_constraint_violation or feature_not_supported or object_not_in_prerequisite_state then
                get stacked diagnostics
                    v_code = returned_sqlstate, v_message = message_text,
                    v_detail = pg_exception_detail, v_hint = pg_exception_hint;
                {{- pgstream._explain_error() }}
        end;
        perform pg_advisory_unlock_all();
        if clock_timestamp() >= v_deadline
            or not (v_code in ('55P03', '40P01') or v_message like {{ pgstream._literal(engine.busy) }}) then
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
                format('stream table %s could not be %s: %s', {{ subject }}, {{ pgstream._literal(purpose) }}, v_message),
                nullif(v_detail, ''),
                'hint: ' || nullif(v_hint, ''));
    end if;
{%- endif %}
end
    {% endset -%}
    {{ return(pgstream._do_block(body)) }}
{% endmacro %}


{# The sessions in the way of a lock that the engine takes, which may be on any relation that the stream table reads. #}
{% macro _lock_holders(table) -%}
    select string_agg(format('process %s (%s) holds %s since %s: %s', a.pid, a.usename, l.relation::regclass, a.xact_start, left(a.query, 200)), E'\n')
    from pg_catalog.pg_locks as l
    join pg_catalog.pg_stat_activity as a on a.pid = l.pid and a.datname = current_database()
    where l.granted and l.pid <> pg_backend_pid() and l.locktype = 'relation'
        and (
            l.relation = to_regclass({{ pgstream._literal(table.include(database=false) | string) }})
            or l.relation >= 16384 and l.mode not in ('AccessShareLock', 'RowShareLock')
        )
{%- endmacro %}


{# The hint on an engine's error, and no page of its backtrace. #}
{% macro _explain_error() %}
            if v_detail ~ '^\s*\d+: ' then
                v_detail := null;
            end if;
            v_hint := coalesce({{ pgstream._hint_for('v_message', 'v_code') }}, nullif(v_hint, ''));
{%- endmacro %}
