{#
    Whether this run refreshes a stream table that was there before it. One that is paused is refreshed by nobody: that is
    in order where its own model pauses it, warned of where nothing but a default wants rows, and an error where the model does.
#}
{% macro _must_refresh(plan, found, table, settings) %}
    {%- if pgstream._is_trial() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set status = plan.changes.get('status', found.status) -%}
    {%- set wanted = pgstream._wants_refresh(plan, found, settings) if found.is_populated else pgstream._wants_population(status, settings) -%}
    {%- if not wanted or status != 'SUSPENDED' -%}
        {{ return(wanted) }}
    {%- elif settings.status == 'SUSPENDED' -%}
        {{ return(not found.is_populated) }}
    {%- endif -%}
    {%- set sentence = 'stream table ' ~ pgstream._qualified_name(table) ~ ' is SUSPENDED (paused) and cannot be refreshed: dbt run-operation pgstream_resume --args \'{model_name: ' ~ model.name ~ '}\', or configure ' -%}
    {%- if settings.refresh in ('always', 'unpopulated') or settings.wait_for_populated > 0 and not found.is_populated -%}
        {%- do exceptions.raise_compiler_error(sentence ~ 'refresh: never') -%}
    {%- endif -%}
    {%- do exceptions.warn(sentence ~ 'status: PAUSED') -%}
    {{ return(false) }}
{% endmacro %}


{# Of one that holds rows: whether they are to be those of now. #}
{% macro _wants_refresh(plan, found, settings) %}
    {{ return(settings.refresh == 'always' or settings.refresh == 'auto' and not pgstream._is_refreshed_by_others(plan, found, settings)) }}
{% endmacro %}


{# Whether the scheduler keeps it fresh, or its writers do. #}
{% macro _is_refreshed_by_others(plan, found, settings) %}
    {%- if found.refresh_mode == 'IMMEDIATE' -%}
        {{ return(true) }}
    {%- elif 'schedule' in plan.changes -%}
        {{ return(settings.schedule is not none and pgstream._is_served()) }}
    {%- endif -%}
    {{ return(found.schedule is not none and not found.is_unscheduled and pgstream._is_served()) }}
{% endmacro %}


{# Of an empty one: whether it is to be given its rows; that it is not so already is a change of the model, or a death. #}
{% macro _wants_population(status, settings) %}
    {{ return(settings.initialize or settings.refresh in ('always', 'unpopulated') or pgstream._nobody_populates_it(status, settings)) }}
{% endmacro %}


{# Only a scheduler populates what nobody refreshes, and only what is ACTIVE; some take an empty one for populated then. #}
{% macro _nobody_populates_it(status, settings) %}
    {%- set populates = pgstream._engine().scheduler_populates -%}
    {{ return(
        settings.wait_for_populated > 0 and not (status == 'ACTIVE' and populates and pgstream._is_served())
        or settings.status == 'ACTIVE' and not populates
    ) }}
{% endmacro %}
