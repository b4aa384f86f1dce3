{# Creation as PL/pgSQL statements for `_attempt`: empty, because the engine would lose rows where it populates the table itself. #}
{% macro _create_steps(table, query, settings) %}
    {%- set engine = pgstream._engine() -%}
    {%- set rest = dict(engine.unattended_settings if settings.schedule is none and settings.refresh_mode != 'IMMEDIATE' and settings.of_engine.get('orchestration_mode') != 'EXTERNAL' else {}) -%}
    {%- set sent = dict(engine.create_settings, **settings.of_engine) -%}
    {%- set steps %}
            {{- pgstream._admit_steps(table) }}
            -- PostgreSQL names what is missing; the engine would only say that a table of results was empty.
            execute {{ pgstream._literal('select from (' ~ query ~ ') as query limit 0') }};
            perform {{ pgstream._engine().create }}(
                name => {{ pgstream._literal(pgstream._qualified_name(table)) }},
                query => {{ pgstream._literal(query) }},
                schedule => {{ pgstream._literal(engine.driven if settings.schedule is none else settings.schedule) }},
                refresh_mode => {{ pgstream._literal(settings.refresh_mode) }},
                {%- for key, value in sent.items() %}
                {%- if pgstream._takes(engine.create, key) %}
                {{ key }} => {{ pgstream._literal(value) }},
                {%- else %}{% do rest.update({key: value}) %}
                {%- endif %}
                {%- endfor %}
                initialize => {{ settings.refresh_mode == 'IMMEDIATE' }}
            );
            {%- if rest %}
{{ pgstream._alter_steps(table, rest) }}
            {%- endif %}
            {{- pgstream._inspect_steps(table, query, settings) }}
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}


{# Another name within its schema, in the database and in the engine's catalog, as PL/pgSQL statements for `_attempt`. #}
{% macro _rename_steps(table, other) %}
    {%- set engine = pgstream._engine() -%}
    {%- set steps %}
            alter table {{ table.include(database=false) }} rename to {{ pgstream._identifier(other.identifier) }};
            update {{ engine.catalog }} as st
            set {{ engine.name }} = {{ pgstream._literal(other.identifier) }}, updated_at = now()
            where {{ pgstream._is_row_of(table) }};
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}


{# Creating two stream tables on one source at once fails, so everyone who creates waits here until the other's commit. #}
{% macro _creation_lock() %}
    {{ return('pg_advisory_xact_lock(' ~ pgstream._engine().creation_lock ~ ')') }}
{% endmacro %}


{% macro _take_creation_lock(table) %}
    {%- do pgstream._run_in_model(table, 'created', '            perform ' ~ pgstream._creation_lock() ~ ';') -%}
{% endmacro %}
