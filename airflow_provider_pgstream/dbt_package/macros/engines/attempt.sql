{#
    Runs PL/pgSQL statements of ours against the engine, in the transaction that is open, under the engine's fixed search
    path. Raises the error that they end with, as a sentence; with `keep_error` it is returned instead, '' for none.
#}
{% macro _run_attempt(table, purpose, steps, keep_error=false) %}
    {%- call statement('pgstream_attempt', fetch_result=true, auto_begin=true) -%}
        {{ pgstream._attempt(table, purpose, steps) }};
        select current_setting('pgstream.error')
    {%- endcall -%}
    {{ return(pgstream._attempted(table, purpose, load_result('pgstream_attempt')['data'][0][0], keep_error)) }}
{% endmacro %}


{% macro _attempted(table, purpose, error, keep_error) %}
    {%- if error and not keep_error -%}
        {%- do pgstream._fail(pgstream._sentence_of_attempt(table, purpose, error)) -%}
    {%- endif -%}
    {{ return(error) }}
{% endmacro %}


{# An error that is a sentence of ours says itself what could not be done. #}
{% macro _sentence_of_attempt(table, purpose, error) %}
    {%- set subject = 'stream table ' ~ pgstream._qualified_name(table) -%}
    {{ return(error if error.startswith(subject) else subject ~ ' could not be ' ~ purpose ~ ': ' ~ error) }}
{% endmacro %}


{#
    The statements as one DO block, which leaves the error that they end with in the setting `pgstream.error`: raised in
    it, it would bring the lines of the block along.

    Locks are taken in attempts of a second each, until `pgstream_lock_timeout` seconds have gone: new writers
    then never queue for long behind an old transaction. Each attempt is a subtransaction, so one that fails releases
    what it locked. A refresh that another session is running already is waited for in the same way.
    A refresh to keep is not run so, but by `_refresh`.

    A failed refresh leaves the engine's session-level lock behind: it is released before the error goes on.
#}
{% macro _attempt(table, purpose, steps) %}
    {%- set engine = pgstream._engine() -%}
    {%- set seconds = pgstream._var_seconds('lock_timeout', 10) -%}
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
            perform set_config('search_path', {{ pgstream._literal(pgstream._search_path()) }}, true);
            perform set_config('lock_timeout', '900ms', true);  -- under deadlock_timeout: no writer becomes a deadlock's victim for us
{{ steps }}
            exit;
        exception
            when lock_not_available or deadlock_detected then
                v_code := sqlstate;
                v_message := {{ pgstream._literal('a lock on what it reads or on itself did not come within ' ~ seconds ~ ' seconds') }};
                v_detail := ({{ pgstream._lock_holders(table) }});
                v_hint := 'end the sessions named here, or allow more seconds with the dbt var pgstream_lock_timeout';
            when others then
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
    perform set_config('pgstream.error', concat_ws(E'\n', v_message, nullif(v_detail, ''), 'hint: ' || nullif(v_hint, '')), false);
end
    {% endset -%}
    {{ return(pgstream._do_block(body)) }}
{% endmacro %}


{#
    The sessions in the way of a lock that the engine takes, which may be on any relation that the stream table reads. To
    drop one it takes its triggers off the sources, and there waits for whoever reads them.
#}
{% macro _lock_holders(table) -%}
    {%- set engine = pgstream._engine() -%}
    select string_agg(format('process %s (%s) holds %s since %s: %s', h.pid, h.usename, h.names, h.xact_start, h.query), E'\n')
    from (
        select
            a.pid, a.usename, a.xact_start, left(a.query, 200) as query,
            string_agg(distinct case l.locktype when 'relation' then l.relation::regclass::text else 'the creation of stream tables' end, ', ') as names
        from pg_catalog.pg_locks as l
        join pg_catalog.pg_stat_activity as a on a.pid = l.pid and a.datname = current_database()
        where l.granted and l.pid <> pg_backend_pid()
            and (
                l.locktype = 'advisory' and (l.classid, l.objid, l.objsubid) = ({{ engine.creation_lock }}, 2)
                or l.locktype = 'relation' and (
                    l.relation = to_regclass({{ pgstream._literal(table.include(database=false) | string) }})
                    or l.relation >= 16384 and l.mode not in ('AccessShareLock', 'RowShareLock')
                    or l.relation in (select d.source_relid from {{ engine.dependencies }} as d join {{ engine.catalog }} as st using ({{ engine.id }}) where {{ pgstream._is_row_of(table) }})
                )
            )
        group by 1, 2, 3, 4
    ) as h
{%- endmacro %}


{# The hint on an engine's error, and no page of its backtrace. #}
{% macro _explain_error() %}
            v_detail := regexp_replace(v_detail, '(\A|\n)\s*0: .*', '');
            if v_code <> 'PGSNO' then  -- a sentence of ours
                v_hint := coalesce({{ pgstream._hint_for('v_message', 'v_code') }}, nullif(v_hint, ''));
            end if;
{%- endmacro %}
