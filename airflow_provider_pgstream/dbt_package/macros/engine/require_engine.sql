{#
    What this database has of the engine: asked once per run and kept in the graph, which all threads of a run share.
#}
{% macro require_engine() %}
    {%- set known = graph.setdefault('pgstream', {}) -%}
    {%- if 'served' not in known -%}
        {%- set engine = pgstream.engine() -%}
        {%- set query %}
            select
                exists (select from pg_catalog.pg_extension where extname = {{ pgstream.literal(engine.extension) }}) as installed,
                exists (select from pg_catalog.pg_extension where extname = 'pg_trickle') as is_pg_trickle,
                current_setting('server_version_num')::int / 10000 as postgres,
                current_database() = {{ pgstream.literal(engine.scheduler_database) }} and (
                    not pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
                    or exists (
                        select from pg_catalog.pg_stat_activity
                        where datname = current_database()
                            and {{ pgstream.literal(engine.scheduler) }} in (backend_type, application_name)
                    )
                ) as served
        {%- endset -%}
        {%- set found = pgstream.rows(query)[0] -%}
        {%- if not found.installed -%}
            {{ exceptions.raise_compiler_error(pgstream.how_to_install(found)) }}
        {%- endif -%}
        {%- do known.update({'served': found.served}) -%}
    {%- endif -%}
    {{ return(known) }}
{% endmacro %}


{% macro how_to_install(found) %}
    {%- set where = "database '" ~ target.dbname ~ "' at " ~ target.host ~ ":" ~ target.port -%}
    {%- if found.is_pg_trickle -%}
        {{ return("pg_trickle is installed in " ~ where ~ ", pg_stream is not: this package does not support pg_trickle yet") }}
    {%- elif found.postgres < 18 -%}
        {{ return("pg_stream is not installed in " ~ where ~ ", which runs PostgreSQL " ~ found.postgres ~ ": pg_stream needs PostgreSQL 18") }}
    {%- endif -%}
    {{ return("pg_stream is not installed in " ~ where ~ ": run CREATE EXTENSION pg_stream there, as a superuser (the server needs shared_preload_libraries = 'pg_stream')") }}
{% endmacro %}
