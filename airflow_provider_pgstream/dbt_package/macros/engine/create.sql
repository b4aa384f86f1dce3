{#
    Creation as PL/pgSQL statements for `attempt`. The engine would populate the table without locking what it
    reads, so it creates it empty, and the safe refresh of the same transaction populates it.
#}
{% macro create_steps(table, query, settings) %}
    {{ return(adapter.dispatch('create_steps', 'pgstream')(table, query, settings)) }}
{% endmacro %}


{% macro default__create_steps(table, query, settings) %}
    {%- set engine = pgstream.engine() -%}
    {%- set name = pgstream.literal(pgstream.engine_name(table)) -%}
    {%- set steps %}
            -- PostgreSQL names what is missing; the engine would only say that a table of results was empty.
            execute {{ pgstream.literal('select from (' ~ query ~ ') as query limit 0') }};
            perform {{ engine.create }}(
                {{ name }},
                {{ pgstream.literal(query) }},
                {{ pgstream.literal(settings.schedule) }},
                {{ pgstream.literal(settings.refresh_mode) }},
                false
            );
    {%- if settings.initialize or settings.refresh != 'never' or settings.wait_for_populated > 0 %}
{{ pgstream.refresh_steps(table) }}
    {%- endif %}
    {%- if settings.status is not none %}
            perform {{ engine.alter }}({{ name }}, status => {{ pgstream.literal(settings.status) }});
    {%- endif %}
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}


{#
    Creating two stream tables on one source at once fails, so everyone who creates waits here. The lock is taken
    again in each attempt, for profiles whose connection commits every statement by itself.
#}
{% macro creation_lock() %}
    {{ return('pg_advisory_xact_lock(' ~ pgstream.engine().creation_lock ~ ')') }}
{% endmacro %}


{% macro take_creation_lock() %}
    {%- call statement('pgstream_creation_lock', auto_begin=true) -%}
        select {{ pgstream.creation_lock() }}
    {%- endcall -%}
{% endmacro %}
