{#
    Whether this run refreshes a stream table that was there before it. One that is paused is refreshed by nobody:
    that is in order where its own model pauses it, and an error where the model wants rows.
#}
{% macro must_refresh(plan, found, table, settings) %}
    {%- if pgstream.is_trial() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set status = plan.changes.get('status', found.status) -%}
    {%- set wanted = settings.refresh == 'always'
        or not found.is_populated and (settings.refresh == 'unpopulated' or pgstream.waits_in_vain(status, settings)) -%}
    {%- if wanted and status == 'SUSPENDED' and settings.status == 'SUSPENDED' and found.is_populated -%}
        {{ return(false) }}
    {%- elif wanted and status == 'SUSPENDED' -%}
        {{ exceptions.raise_compiler_error("stream table " ~ pgstream.engine_name(table) ~ " is SUSPENDED (paused) and cannot be refreshed: dbt run-operation pgstream_resume --args '{model_name: " ~ model.name ~ "}', or configure refresh: never") }}
    {%- endif -%}
    {{ return(wanted) }}
{% endmacro %}


{# Only a scheduler populates what nobody refreshes, and only what is ACTIVE. #}
{% macro waits_in_vain(status, settings) %}
    {{ return(settings.wait_for_populated > 0 and not (status == 'ACTIVE' and pgstream.require_engine().served)) }}
{% endmacro %}


{% macro wait_for_populated(table, seconds) %}
    {%- set engine = pgstream.engine() -%}
    {%- set name = pgstream.literal(pgstream.engine_name(table)) -%}
    {%- set body %}
declare
    v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => {{ seconds }});
    v_status text;
    v_is_populated boolean;
begin
    loop
        select status, is_populated into v_status, v_is_populated
        from {{ engine.stream_tables }}
        where {{ engine.schema_name }} = {{ pgstream.literal(table.schema) }} and {{ engine.name }} = {{ pgstream.literal(table.identifier) }};
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
    {%- do run_query(pgstream.do_block(body)) -%}
{% endmacro %}


{#
    Once per run: a schedule that nobody keeps looks like a table that is kept up to date. Threads share the graph,
    so the model that gets there first speaks for all.
#}
{% macro warn_if_unserved(settings) %}
    {%- set known = pgstream.require_engine() -%}
    {%- if not known.served and settings.schedule is not none and settings.refresh != 'always' and settings.status != 'SUSPENDED'
            and known.setdefault('warned_by', model.unique_id) == model.unique_id -%}
        {%- do exceptions.warn("model " ~ model.name ~ " has the schedule " ~ settings.schedule ~ ", and no pg_stream scheduler serves database '" ~ target.dbname ~ "': nothing refreshes its stream table by itself. Refresh it from Airflow or with dbt (refresh: always, pgstream_refresh), and set schedule: null. This is said once per run") -%}
    {%- endif -%}
{% endmacro %}
