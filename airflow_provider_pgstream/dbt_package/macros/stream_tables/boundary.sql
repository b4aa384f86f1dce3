{#
    A transaction at a boundary, as one DO block: a snapshot and a WAL position that belong together. The sources are
    locked against writers for a moment; PL/pgSQL releases them with the block whose exception it catches, while the
    transaction's snapshot stays. The provider's decision 2 has the pictures.

    The block commits what was open, and its own transaction; so it must be sent outside of one. Nothing between the
    first COMMIT and the position may take the snapshot: LOCK and SET do not, and an expression does. Hence every lock
    and every limit is written out, and whatever has to be computed is computed before.

    `steps` are PL/pgSQL that find `v_position`. What became of it is left in the setting `pgstream.outcome`.
#}
{% macro _boundary_block(table, purpose, seen, attempts, first, steps) %}
    {%- set written = pgstream._written_sources(seen, first) -%}
    {%- set body %}  -- stream table {{ pgstream._qualified_name(table) | replace('\n', ' ') }}, to be {{ purpose | replace('\n', ' ') }}
declare
    v_began timestamptz;
    v_held interval;
    v_position text;
    v_blocked bigint;
    v_action text;
    v_reason text;
    v_result jsonb;
    v_called boolean := false;
    v_kind text := 'done';
    v_code text;
    v_message text;
    v_detail text;
    v_hint text;
begin
    {%- if written and not seen.throughout %}
    {{- pgstream._keep_changes(seen.id) }}
    {%- endif %}
    v_began := clock_timestamp();
    commit;
    set transaction isolation level repeatable read;
    begin
        set local synchronous_commit = on;
        set local search_path = {{ pgstream._engine().search_path }};
        set local lock_timeout = {{ pgstream._milliseconds(attempts.length) }};
        {%- for source in pgstream._readable_sources(seen) %}
        {{ pgstream._lock_statement(source, 'access share') }}
        {%- endfor %}
        {%- if written %}
        {{- pgstream._take_position(written, attempts, not seen.throughout) }}
        {%- endif %}
{{ steps }}
    exception when query_canceled or others then
        get stacked diagnostics
            v_code = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
        {{- pgstream._classify() }}
        {%- if pgstream._engine().defers_clean_up %}
        if v_called then
            perform set_config('pgstream.clean_up_is_left', 'yes', false);
        end if;
        {%- endif %}
    end;
    perform set_config('pgstream.outcome', json_build_object(
        'kind', v_kind, 'blocked', v_blocked, 'action', v_action, 'reason', v_reason, 'result', v_result, 'position', v_position,
        'held_ms', round(extract(epoch from v_held) * 1000, 1), 'code', v_code, 'message', v_message, 'detail', v_detail, 'hint', v_hint
    )::text, false);
    commit;
end
    {% endset -%}
    {{ return(pgstream._do_block(body)) }}
{% endmacro %}


{# Keeps writers out, takes snapshot and position, flushes a message so that no later change can carry that position, and lets the writers go on. #}
{% macro _take_position(written, attempts, releases) %}
        begin
            {{ pgstream._lock_statement(written[0], 'share') }}
            {%- if written | length > 1 %}
            set local lock_timeout = {{ pgstream._milliseconds(pgstream._rest_length(attempts)) }};
            {%- endif %}
            {%- for source in written[1:] %}
            {{ pgstream._lock_statement(source, 'share') }}
            {%- endfor %}
            v_position := {{ pgstream._engine().position }}::text;
            {%- if releases %}
            perform pg_logical_emit_message(false, 'boundary', '', true);
            raise exception using errcode = 'PGSGO';
        exception when sqlstate 'PGSGO' then
            v_held := clock_timestamp() - v_began;
            {%- endif %}
        end;
{%- endmacro %}


{# `v_blocked` tells which lock it was that did not come. #}
{% macro _lock_statement(source, mode) -%}
    begin lock table {{ pgstream._identifier(source.schema) }}.{{ pgstream._identifier(source.name) }} in {{ mode }} mode; exception when others then v_blocked := {{ source.oid }}; raise; end;
{%- endmacro %}


{# What an error means: `busy`, `denied`, `changed` (begin again), `refused` (a sentence of ours), `unequal` (a new query), or `error`. #}
{% macro _classify() %}
        v_held := null;
        if v_code = '55P03' or v_code = '40P01' and v_blocked is not null then
            v_kind := 'busy';
        elsif v_code = '42501' and v_blocked is not null then
            v_kind := 'denied';
        elsif v_code in ('PGSCH', '40001', '40P01') then
            v_kind := 'changed';
        elsif v_code = 'PGSNE' then
            v_kind := 'unequal';
        elsif v_code = 'PGSNO' then
            v_kind := 'refused';
        else
            v_kind := 'error';
            {{- pgstream._explain_error() }}
        end if;
{%- endmacro %}


{# What a lock can keep from being truncated or altered; what a view reads is among the sources, too. #}
{% macro _readable_sources(seen) %}
    {{ return(seen.sources | selectattr('kind', 'in', ['TABLE', 'STREAM_TABLE']) | list) }}
{% endmacro %}


{# The sources with a change buffer, whose writers have to be kept out; that which was busy last comes first. #}
{% macro _written_sources(seen, first=none) %}
    {%- if seen.refresh_mode not in ('DIFFERENTIAL', 'IMMEDIATE') -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set tables = seen.sources | selectattr('kind', 'equalto', 'TABLE') | list -%}
    {{ return(tables | selectattr('oid', 'equalto', first) | list + tables | rejectattr('oid', 'equalto', first) | list) }}
{% endmacro %}
