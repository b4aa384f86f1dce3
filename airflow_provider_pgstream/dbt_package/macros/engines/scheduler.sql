{#
    Whether a scheduler of the engine serves this database: asked once per run. Who may not see other sessions is
    told that one does.
#}
{% macro _is_served() %}
    {%- set known = pgstream._known_of_database() -%}
    {%- if 'is_served' not in known -%}
        {%- set engine = pgstream._engine() -%}
        {%- set query %}
            select
                {{ pgstream._may_serve() }} and (
                    not pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
                    or exists (
                        select from pg_catalog.pg_stat_activity
                        where datname = current_database()
                            and {{ pgstream._literal(engine.scheduler_process) }} in (backend_type, application_name)
                    )
                ) as is_served
        {%- endset -%}
        {%- do known.update({'is_served': pgstream._rows(query)[0].is_served}) -%}
    {%- endif -%}
    {{ return(known.is_served) }}
{% endmacro %}


{# Whether its scheduler is there for this database, running at the moment or not. #}
{% macro _may_serve() -%}
    {%- set engine = pgstream._engine() -%}
    {{ 'true' if engine.scheduler_database is none else 'current_database() = ' ~ pgstream._literal(engine.scheduler_database) }}
    and coalesce(nullif(current_setting({{ pgstream._literal(engine.extension ~ '.enabled') }}, true), '')::boolean, true)
{%- endmacro %}


{% macro _no_scheduler() %}
    {{ return('no ' ~ pgstream._engine().extension ~ " scheduler serves database '" ~ target.dbname ~ "'") }}
{% endmacro %}


{#
    Once per run: a schedule that nobody keeps looks like a table that is kept up to date. Threads share the graph,
    so the model that gets there first speaks for all.
#}
{% macro _warn_if_unserved(settings) %}
    {%- if settings.schedule is not none and settings.refresh != 'always' and settings.status != 'SUSPENDED' and not pgstream._is_served()
            and pgstream._known_of_database().setdefault('warned_by', model.unique_id) == model.unique_id -%}
        {%- do exceptions.warn("model " ~ model.name ~ " has the schedule " ~ settings.schedule ~ ", and " ~ pgstream._no_scheduler() ~ ": nothing refreshes its stream table by itself. Refresh it from Airflow or with dbt (refresh: always, pgstream_refresh), and set schedule: null. This is said once per run") -%}
    {%- endif -%}
{% endmacro %}
