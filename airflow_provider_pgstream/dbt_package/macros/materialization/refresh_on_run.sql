{#
    Whether this run refreshes a stream table that was there before it. One that is paused is refreshed by nobody:
    that is in order where its own model pauses it, and an error where the model wants rows.
#}
{% macro _must_refresh(plan, found, table, settings) %}
    {%- if pgstream._is_trial() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set status = plan.changes.get('status', found.status) -%}
    {%- set wanted = settings.refresh == 'always'
        or not found.is_populated and (
            settings.refresh == 'unpopulated' or pgstream._is_unfinished(status, settings) or pgstream._nobody_populates_it(status, settings)
        ) -%}
    {%- if wanted and status == 'SUSPENDED' and settings.status == 'SUSPENDED' and found.is_populated -%}
        {{ return(false) }}
    {%- elif wanted and status == 'SUSPENDED' -%}
        {%- do exceptions.raise_compiler_error("stream table " ~ pgstream._qualified_name(table) ~ " is SUSPENDED (paused) and cannot be refreshed: dbt run-operation pgstream_resume --args '{model_name: " ~ model.name ~ "}', or configure refresh: never") -%}
    {%- endif -%}
    {{ return(wanted) }}
{% endmacro %}


{# Only a scheduler populates what nobody refreshes, and only what is ACTIVE; some take an empty one for populated then. #}
{% macro _nobody_populates_it(status, settings) %}
    {%- set populates = pgstream._engine().scheduler_populates -%}
    {{ return(
        settings.wait_for_populated > 0 and not (status == 'ACTIVE' and populates and pgstream._is_served())
        or settings.status == 'ACTIVE' and not populates
    ) }}
{% endmacro %}


{# Whoever created it was killed before it was populated, or the model did not want that then. #}
{% macro _is_unfinished(status, settings) %}
    {{ return(status == 'INITIALIZING' and settings.initialize) }}
{% endmacro %}
