{# What an engine does not refuse by itself, as PL/pgSQL for `_attempt`; and what it leaves behind. #}


{# Before a create: what it would not survive, and what would be in its way. #}
{% macro _admit_steps(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- if engine.dies_of_missing_grants %}
            if exists (
                select
                from unnest(array[{{ pgstream._literal(engine.catalog) }}, {{ pgstream._literal(engine.dependencies) }}, {{ pgstream._literal(engine.tracking) }}]) as t (name)
                where not (has_schema_privilege({{ pgstream._literal(engine.schema) }}, 'usage') and (
                    select bool_and(has_table_privilege(c.oid, p.privilege))
                    from pg_catalog.pg_class as c, unnest(array['select', 'insert', 'update', 'delete']) as p (privilege)
                    where c.relnamespace = to_regnamespace({{ pgstream._literal(engine.schema) }}) and c.relname = split_part(t.name, '.', 2)
                ))
            ) then
                raise insufficient_privilege using message = {{ pgstream._literal(
                    'role ' ~ target.user ~ ' has not all rights on the catalog of ' ~ engine.extension ~ ', which would end the server: grant usage on schema ' ~ engine.schema ~ ' to ' ~ target.user
                    ~ '; grant select, insert, update, delete on all tables in schema ' ~ engine.schema ~ ' to ' ~ target.user
                    ~ '; grant usage on all sequences in schema ' ~ engine.schema ~ ' to ' ~ target.user
                    ~ '; grant usage, create on schema ' ~ engine.changes_schema ~ ' to ' ~ target.user) }};
            end if;
    {%- endif %}
    {{- pgstream._clear_leftovers_steps() }}
{%- endmacro %}


{#
    Drops what the engine has left behind of stream tables and sources that are gone, of what this role may drop. A change
    buffer is named after its source: the next one of that name would be given it, with the columns of the old one, and
    writes to it fail. What says that the old one is captured goes first: a scheduler that finds no buffer for it ends.
#}
{% macro _clear_leftovers_steps() %}
    {%- set engine = pgstream._engine() -%}
    {%- if engine.keeps_buffers and not pgstream._keeps_positions() %}
            declare
                v_statement text;
            begin
                for v_statement in {{ pgstream._leftovers() }} loop
                    execute v_statement;
                end loop;
            end;
    {%- endif %}
{%- endmacro %}


{# After a create, in its transaction: what would go wrong later. #}
{% macro _inspect_steps(table, query, settings) %}
    {%- if settings.refresh_mode != 'FULL' and pgstream._engine().dies_of_missing_grants %}
            declare
                v_generated text;
            begin
                begin
                    execute {{ pgstream._literal('create temp view view_of_query as ' ~ query) }};
                    v_generated := ({{ pgstream._generated_columns() }});
                    raise exception using errcode = 'PGSGO';
                exception when sqlstate 'PGSGO' or insufficient_privilege then
                    null;
                end;
                if v_generated is not null then
                    raise feature_not_supported using message = format(
                        'the query reads %s, a generated column, whose changes are not captured: write its expression in the query, or use refresh_mode FULL', v_generated);
                end if;
            end;
    {%- endif %}
{%- endmacro %}


{# The generated columns that the view `view_of_query` reads, views in between included. #}
{% macro _generated_columns() -%}
    with recursive read as (
        select 'pg_temp.view_of_query'::regclass::oid as view_oid, null::oid as oid, 0::int2 as attnum
        union
        select case when c.relkind = 'v' then c.oid end, c.oid, d.refobjsubid::int2
        from read
        join pg_catalog.pg_rewrite as r on r.ev_class = read.view_oid
        join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> read.view_oid
        join pg_catalog.pg_class as c on c.oid = d.refobjid
    )
    select string_agg(distinct read.oid::regclass || '.' || a.attname, ', ')
    from read
    join pg_catalog.pg_attribute as a on a.attrelid = read.oid and a.attnum = read.attnum and a.attgenerated <> ''
{%- endmacro %}


{# Statements that drop what is left over. #}
{% macro _leftovers() %}
    {%- set engine = pgstream._engine() %}
    select format('delete from {{ engine.tracking }} where source_relid = %L', k.source_relid)
    from {{ engine.tracking }} as k
    where not exists (select from pg_catalog.pg_class as c where c.oid = k.source_relid)
        and has_table_privilege({{ pgstream._literal(engine.tracking) }}, 'delete')
    union all
    select format('drop table if exists %I.%I', n.nspname, b.relname)
    from pg_catalog.pg_class as b
    join pg_catalog.pg_namespace as n on n.oid = b.relnamespace
    where n.nspname = {{ pgstream._literal(engine.changes_schema) }} and b.relkind = 'r' and b.relname ~ '^changes_[0-9a-f]+$'
        and pg_has_role(b.relowner, 'usage')
        and not exists (
            select
            from {{ engine.tracking }} as k
            join pg_catalog.pg_class as c on c.oid = k.source_relid
            where 'changes_' || k.source_stable_name = b.relname
        )
    union all
    select format('drop function if exists %I.%I()', n.nspname, p.proname)
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where (p.proname ~ {{ pgstream._literal('^' ~ engine.internal_prefix[1:] ~ 'guard_') }} and n.nspname <> {{ pgstream._literal(engine.schema) }} or n.nspname = {{ pgstream._literal(engine.changes_schema) }})
        and p.prorettype = 'pg_catalog.trigger'::regtype
        and pg_has_role(p.proowner, 'usage')
        and not exists (select from pg_catalog.pg_trigger as t where t.tgfoid = p.oid)
{%- endmacro %}
