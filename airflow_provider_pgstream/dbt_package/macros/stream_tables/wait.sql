{# Waits inside the server; fails at once where nothing will populate the table any more. #}
{% macro _wait_for_populated(table, seconds) %}
    {%- set name = pgstream._literal(pgstream._qualified_name(table)) -%}
    {%- set body %}
declare
    v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => {{ seconds }});
    v_status text;
    v_is_populated boolean;
    v_error text := '';
begin
    loop
        select status, is_populated into v_status, v_is_populated
        from {{ pgstream._engine().catalog }} as st
        where {{ pgstream._is_row_of(table) }};
        exit when v_is_populated;
        if v_status is null then
            v_error := format('stream table %s was dropped while dbt waited for it', {{ name }});
        elsif v_status <> 'ACTIVE' then
            v_error := format(E'stream table %s is not populated, and its status is %s: nothing will populate it\nhint: dbt run-operation pgstream_refresh populates it; pgstream_resume first, if it is paused', {{ name }}, v_status);
        elsif clock_timestamp() >= v_deadline then
            v_error := format(E'stream table %s is not populated after %s seconds\nhint: look for the scheduler and for errors with dbt run-operation pgstream_status', {{ name }}, {{ seconds }});
        end if;
        exit when v_error <> '';
        perform pg_sleep(0.2);
    end loop;
    perform set_config('pgstream.error', v_error, false);
end
    {% endset -%}
    {%- do run_query(pgstream._do_block(body)) -%}
    {%- set error = pgstream._rows("select current_setting('pgstream.error') as text")[0].text -%}
    {%- if error -%}
        {%- do pgstream._fail(error) -%}
    {%- endif -%}
{% endmacro %}
