{#
    The PL/pgSQL of a swap, as the provider has it: what hangs on the old table passes on to the new one. Refusals have the
    SQLSTATE PGSNO and a sentence.
#}


{# Variables of each block: both tables, and room for one of whatever it goes through. #}
{% macro _declare_both(table) %}
    {%- set at = pgstream._places_of_swap(table) %}
    v_old_id bigint;
    v_old oid;
    v_status text;
    v_new_id bigint;
    v_new oid;
    v_is_populated boolean;
    v_what text;
    v_one record;
    v_sentence constant text := format('stream table %s.%s cannot be swapped: ', {{ at.schema }}, {{ at.table }});
{%- endmacro %}


{% macro _find_both(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set at = pgstream._places_of_swap(table) %}
    perform set_config('search_path', '', true);
    select st.{{ engine.id }}, st.{{ engine.relid }}, st.status into v_old_id, v_old, v_status
    from {{ engine.catalog }} as st
    where st.{{ engine.schema_name }} = {{ at.schema }} and st.{{ engine.name }} = {{ at.table }};
    select st.{{ engine.id }}, st.{{ engine.relid }}, st.is_populated into v_new_id, v_new, v_is_populated
    from {{ engine.catalog }} as st
    where st.{{ engine.schema_name }} = {{ at.schema }} and st.{{ engine.name }} = {{ at.next }};
{%- endmacro %}


{# The views that read the old table themselves. #}
{% macro _views_on_old() %}
(
        select distinct r.ev_class as oid
        from pg_depend as d
        join pg_rewrite as r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
            and d.refobjid = v_old and r.ev_class <> v_old
    )
{%- endmacro %}


{# The statements that make the views on the old table anew. #}
{% macro _views_as_json() %}
(
        select coalesce(jsonb_agg(format(
            'create or replace view %I.%I%s as %s', n.nspname, c.relname,
            ' with (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(c.oid), ';')
        ) order by c.oid), '[]')
        from {{ pgstream._views_on_old() }} as v
        join pg_class as c on c.oid = v.oid
        join pg_namespace as n on n.oid = c.relnamespace
    )
{%- endmacro %}


{# What hangs on the old table, and would be lost with it. #}
{% macro _hindrances() %}
    {%- set engine = pgstream._engine() -%}
    {%- set internal = pgstream._literal(engine.internal_prefix) %}
(
        select string_agg(h.what, ', ')
        from (
            select 'row-level security' as what from pg_class as c where c.oid = v_old and c.relrowsecurity
            union all
            select 'trigger ' || t.tgname
            from pg_trigger as t
            where t.tgrelid = v_old and not t.tgisinternal and t.tgname !~ {{ pgstream._literal('^_?(' ~ engine.extension ~ '|' ~ engine.id[:3] ~ ')_') }}
            union all
            select 'rule ' || r.rulename from pg_rewrite as r where r.ev_class = v_old
            union all
            select 'publication ' || p.pubname
            from pg_publication_rel as r
            join pg_publication as p on p.oid = r.prpubid
            where r.prrelid = v_old
            union all
            select 'child ' || i.inhrelid::regclass from pg_inherits as i where i.inhparent = v_old
            union all
            select format('constraint %s of %s', k.conname, k.conrelid::regclass)
            from pg_constraint as k
            where k.confrelid = v_old or k.conrelid = v_old and k.contype <> 'n' and not exists (
                select
                from pg_attribute as a
                where a.attrelid = v_old and a.attnum = any (k.conkey)
                    and starts_with(a.attname, {{ internal }})
            )
            union all
            select case c.relkind
                when 'm' then format('materialized view %s', c.oid::regclass)
                else format('view %s of role %s', c.oid::regclass, c.relowner::regrole)
            end
            from {{ pgstream._views_on_old() }} as v
            join pg_class as c on c.oid = v.oid
            where c.relkind <> 'v' or not pg_has_role(c.relowner, 'usage')
            union all
            select pg_describe_object(d.classid, d.objid, d.objsubid)
            from pg_depend as d
            where d.deptype in ('n', 'a')
                and d.classid in ('pg_proc'::regclass, 'pg_statistic_ext'::regclass)
                and d.refclassid = 'pg_class'::regclass and d.refobjid = v_old
            union all
            select pg_describe_object(d.classid, d.objid, d.objsubid)
            from pg_class as c
            join pg_type as t on c.reltype in (t.oid, t.typelem)
            join pg_depend as d on d.refclassid = 'pg_type'::regclass and d.refobjid = t.oid
            where c.oid = v_old and d.deptype = 'n'
                and d.classid in ('pg_proc'::regclass, 'pg_class'::regclass)
        ) as h
    )
{%- endmacro %}


{% macro _refuse_hindrances() %}
    v_what := {{ pgstream._hindrances() }};
    if v_what is not null then
        raise exception using errcode = 'PGSNO',
            message = v_sentence || 'the new table would come without ' || v_what || ': ' || {{ pgstream._way_out_of_swap() }};
    end if;
{%- endmacro %}
