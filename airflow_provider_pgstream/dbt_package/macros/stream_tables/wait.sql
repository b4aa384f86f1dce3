{# Waits inside the server; fails at once where nothing will populate the table any more. #}
{% macro _wait_for_populated(table, seconds) %}
    {%- set name = pgstream._literal(pgstream._qualified_name(table)) -%}
    {%- set body %}
declare
    v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => {{ seconds }});
    v_status text;
    v_is_populated boolean;
begin
    loop
        select status, is_populated into v_status, v_is_populated
        from {{ pgstream._engine().catalog }} as st
        where {{ pgstream._is_row_of(table) }};
        if not found then
            raise undefined_table using message = format('stream table %s was dropped while dbt waited for it', {{ name }});
        end if;
        exit when v_is_populated;
        if v_status <> 'ACTIVE' then
            raise object_not_in_prerequisite_state using
                message = format('stream table %s is not populated, and its status is %s: nothing will populate it', {{ name }}, v_status),
                hint = 'dbt run-operation pgstream_refresh populates it; pgstream_resume first, if it is paused';
        end if;
        if clock_timestamp() >= v_deadline then
            raise object_not_in_prerequisite_state using
                message = format('stream table %s is not populated after %s seconds', {{ name }}, {{ seconds }}),
                hint = 'look for the scheduler and for errors with dbt run-operation pgstream_status';
        end if;
        perform pg_sleep(0.2);
    end loop;
end
    {% endset -%}
    {%- do run_query(pgstream._do_block(body)) -%}
{% endmacro %}
