{#
    Leaving an engine nothing to clean up, where a refresh begins with a clean-up of the change buffers by TRUNCATE: in
    the snapshot of a boundary it does not see what was committed since, and takes that along. What every stream table on
    a source has read is deleted before the boundary; if by then somebody has read more, the refresh begins again.

    Each deletion is a transaction of its own. It commits what is open; returns the outcome if a lock did not come.
#}
{% macro _clean(seen, attempts) %}
    {%- if not pgstream._must_clean(seen) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set body %}
declare
    v_buffer record;
    v_blocked bigint;
begin
    {{- pgstream._keep_changes(seen.id) }}
    commit;
    for v_buffer in {{ pgstream._read_up_to(pgstream._written_sources(seen) | map(attribute='oid')) }} loop
        begin
            perform set_config('lock_timeout', '{{ pgstream._milliseconds(attempts.length) }}', true);
            execute format('delete from %I.%I where lsn <= %L::pg_lsn', {{ pgstream._literal(pgstream._engine().changes_schema) }}, v_buffer.name, v_buffer.lsn);
        exception when lock_not_available or deadlock_detected or serialization_failure then
            v_blocked := v_buffer.oid;
        end;
        commit;
    end loop;
    perform set_config('pgstream.outcome', json_build_object('kind', case when v_blocked is null then 'done' else 'busy' end, 'blocked', v_blocked)::text, false);
end
    {% endset -%}
    {%- do run_query(pgstream._do_block(body)) -%}
    {%- set outcome = pgstream._rows("select current_setting('pgstream.outcome')::json as one")[0].one -%}
    {{ return(outcome if outcome.kind == 'busy' else none) }}
{% endmacro %}


{% macro _must_clean(seen) %}
    {{ return(pgstream._engine().truncates_buffers and not seen.throughout and pgstream._written_sources(seen) | length > 0) }}
{% endmacro %}


{# Makes sure that there is nothing to clean up, in the snapshot that a refresh is to see; PGSCH: begin again. #}
{% macro _demand_clean_steps(seen) %}
        {%- if pgstream._must_clean(seen) %}
        for v_found in {{ pgstream._read_up_to(pgstream._written_sources(seen) | map(attribute='oid')) }} loop
            v_blocked := v_found.oid;
            execute format('select exists (select from %I.%I where lsn <= %L::pg_lsn)', {{ pgstream._literal(pgstream._engine().changes_schema) }}, v_found.name, v_found.lsn) into v_differs;
            v_blocked := null;
            if v_differs then
                raise exception using errcode = 'PGSCH', message = 'others have read more of a source meanwhile';
            end if;
        end loop;
        {%- endif %}
{%- endmacro %}
