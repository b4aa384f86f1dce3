{#
    Runs PL/pgSQL statements of ours against the engine, in one transaction, under the engine's fixed search path.

    Locks are taken in attempts of a second each, until `pgstream_lock_timeout` seconds have gone: new writers
    then never queue for long behind an old transaction. Each attempt is a subtransaction, so one that fails gives
    back what it locked. A refresh that another session is running already is waited for in the same way.

    A failed refresh leaves the engine's session-level lock behind: it is released before the error goes on.
#}
{% macro attempt(table, purpose, steps) %}
    {%- set engine = pgstream.engine() -%}
    {%- set name = pgstream.literal(pgstream.engine_name(table)) -%}
    {%- set body %}
declare
    v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => {{ pgstream.lock_timeout() }});
    v_search_path constant text := current_setting('search_path');
    v_lock_timeout constant text := current_setting('lock_timeout');
    v_id bigint;
    v_needs_full boolean;
    v_source record;
    v_message text;
    v_hint text;
    v_detail text;
begin
    loop
        begin
            perform set_config('search_path', {{ pgstream.literal(engine.search_path) }}, true);
            perform set_config('lock_timeout', '1s', true);
{{ steps }}
            exit;
        exception
            when lock_not_available or deadlock_detected then
                perform pg_advisory_unlock_all();
                if clock_timestamp() >= v_deadline then
                    raise exception using
                        errcode = sqlstate,
                        message = format('stream table %s could not be %s: its sources stayed locked for %s seconds',
                            {{ name }}, {{ pgstream.literal(purpose) }}, {{ pgstream.lock_timeout() }}),
                        detail = ({{ pgstream.lock_holders() }}),
                        hint = 'end the sessions named here, or allow more seconds with the dbt var pgstream_lock_timeout';
                end if;
            when internal_error or syntax_error_or_access_rule_violation or data_exception then
                get stacked diagnostics
                    v_message = message_text, v_hint = pg_exception_hint, v_detail = pg_exception_detail;
                perform pg_advisory_unlock_all();
                if v_message not like 'refresh skipped:%' or clock_timestamp() >= v_deadline then
                    raise exception using
                        errcode = sqlstate,
                        message = format('stream table %s could not be %s: %s',
                            {{ name }}, {{ pgstream.literal(purpose) }}, v_message),
                        detail = v_detail,
                        hint = coalesce({{ pgstream.hint_for('v_message', 'sqlstate') }}, v_hint);
                end if;
                perform pg_sleep(0.2);
        end;
    end loop;
    perform set_config('search_path', v_search_path, true);
    perform set_config('lock_timeout', v_lock_timeout, true);
end
    {% endset -%}
    {{ return(pgstream.do_block(body)) }}
{% endmacro %}


{% macro lock_timeout() %}
    {%- set seconds = var('pgstream_lock_timeout', 10) | float(-1) -%}
    {%- if seconds < 0 -%}
        {{ exceptions.raise_compiler_error("the var pgstream_lock_timeout is '" ~ var('pgstream_lock_timeout') ~ "': expected seconds, 0 or more") }}
    {%- endif -%}
    {{ return(seconds) }}
{% endmacro %}


{# Who holds what we wait for. Read after the attempt: the wait itself is over, so all open writers are named. #}
{% macro lock_holders() -%}
    select string_agg(format('process %s (%s), open since %s, holds %s: %s', a.pid, a.usename, a.xact_start, l.relation::regclass, left(a.query, 200)), E'\n')
    from pg_catalog.pg_locks as l
    join pg_catalog.pg_stat_activity as a on a.pid = l.pid
    where l.granted and l.pid <> pg_backend_pid() and l.locktype = 'relation'
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
        and l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        and l.relation >= 16384
{%- endmacro %}
