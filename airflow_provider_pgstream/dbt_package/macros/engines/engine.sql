{#
    The engine of the database connected to, as a value: `_engine_pg_stream` shows what is in it. Found by looking at
    the database, once per run: kept in the graph, which all threads of a run share. While dbt parses, nothing can be
    asked, and nothing that the value is used for is kept.
#}
{% macro _engine() %}
    {%- if not execute -%}
        {{ return(pgstream._engine_pg_stream()) }}
    {%- endif -%}
    {%- set known = pgstream._known_of_database() -%}
    {%- if 'engine' not in known -%}
        {%- do known.update({'engine': pgstream._find_engine()}) -%}
    {%- endif -%}
    {{ return(known.engine) }}
{% endmacro %}


{% macro _known_of_database() %}
    {{ return(graph.setdefault('pgstream', {})) }}
{% endmacro %}


{# The extensions that this package has a file for. #}
{% macro _supported_engines() %}
    {%- set names = [] -%}
    {%- for name in context['pgstream'] | sort if name.startswith('_engine_') -%}
        {%- do names.append(name[8:]) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}


{% macro _find_engine() %}
    {%- set supported = pgstream._supported_engines() -%}
    {%- set chosen = var('pgstream_engine', none) -%}
    {%- if chosen is not none and chosen not in supported -%}
        {%- do pgstream._refuse_value('the var pgstream_engine', chosen, 'one of ' ~ supported | join(', ')) -%}
    {%- endif -%}
    {%- set installed = pgstream._rows('select extname as name from pg_catalog.pg_extension') | map(attribute='name') | select('in', supported) | list -%}
    {%- set usable = [chosen] | select('in', installed) | list if chosen is not none else installed | sort -%}
    {%- if not usable -%}
        {%- do exceptions.raise_compiler_error(pgstream._how_to_install([chosen] if chosen is not none else supported, installed)) -%}
    {%- elif usable | length > 1 -%}
        {%- do exceptions.raise_compiler_error(pgstream._where() ~ ' has ' ~ usable | join(' and ') ~ ": say which of them keeps the stream tables with the var pgstream_engine") -%}
    {%- endif -%}
    {%- set engine = context['pgstream']['_engine_' ~ usable[0]]() -%}
    {%- do engine.update({'found': pgstream._rows(pgstream._what_is_found(engine))[0]}) -%}
    {{ return(engine) }}
{% endmacro %}


{# What an engine offers in this database, found by looking: versions differ in what exists. Its functions with their arguments, and its relations. #}
{% macro _what_is_found(engine) %}
    select
        (
            select coalesce(json_object_agg(f.name, f.arguments), '{}')
            from (
                select distinct on (p.proname) p.proname as name, coalesce(p.proargnames, '{}') as arguments
                from pg_catalog.pg_proc as p
                where p.pronamespace = to_regnamespace({{ pgstream._literal(engine.schema) }})
                order by p.proname, p.pronargs desc
            ) as f
        ) as functions,
        (
            select coalesce(json_agg(c.relname), '[]')
            from pg_catalog.pg_class as c
            where c.relnamespace = to_regnamespace({{ pgstream._literal(engine.schema) }}) and c.relkind in ('r', 'v')
        ) as relations
{%- endmacro %}


{# Whether one of the engine's functions, `pgstream._engine().create` for instance, takes an argument in this database. #}
{% macro _takes(function, argument) %}
    {{ return(argument in pgstream._engine().found.functions.get(function.split('.')[1], [])) }}
{% endmacro %}


{# Whether the engine notes by itself up to where each stream table has read, and lets nobody else do it. #}
{% macro _keeps_positions() %}
    {%- set engine = pgstream._engine() -%}
    {{ return(engine.kept_in is not none and engine.kept_in in engine.found.relations) }}
{% endmacro %}


{% macro _how_to_install(names, installed) %}
    {%- set engine = context['pgstream']['_engine_' ~ names[-1]]() -%}
    {%- set subject = (names[0] ~ ' is not installed' if names | length == 1 else 'none of ' ~ names | join(', ') ~ ' is installed') ~ ' in ' ~ pgstream._where() -%}
    {%- set instead = ', but ' ~ installed | join(' and ') ~ ', and the var pgstream_engine says ' ~ names[0] if installed else '' -%}
    {%- set postgres = pgstream._rows("select current_setting('server_version_num')::int / 10000 as version")[0].version -%}
    {%- if postgres < engine.postgres -%}
        {{ return(subject ~ ', which runs PostgreSQL ' ~ postgres ~ ': ' ~ engine.extension ~ ' needs PostgreSQL ' ~ engine.postgres) }}
    {%- endif -%}
    {{ return(subject ~ instead ~ ': run CREATE EXTENSION ' ~ engine.extension ~ " there, as a superuser (the server needs shared_preload_libraries = '" ~ engine.extension ~ "')") }}
{% endmacro %}


{% macro _where() %}
    {{ return("database '" ~ target.dbname ~ "' at " ~ target.host ~ ':' ~ target.port) }}
{% endmacro %}
