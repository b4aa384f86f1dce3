{# The SQL of a refresh at a boundary, built from an engine. Each is a statement or an expression over the row `st`. #}


{# A text that changes with every ALTER of a column of a table, and with nothing else. #}
{% macro _columns_digest(oid) -%}
    (
        select pg_catalog.md5(pg_catalog.string_agg(a.attnum || ' ' || a.xmin, ',' order by a.attnum))
        from pg_catalog.pg_attribute as a
        where a.attrelid = {{ oid }} and a.attnum > 0
    )
{%- endmacro %}


{#
    Gives a stream table that has no frontier one, for as long as it is being populated: without one others' clean-up of
    the change buffers takes what it has yet to read. Marked as unfinished, so that nobody trusts that frontier
    where the population fails.
#}
{% macro _keep_changes(id) %}
    {%- set engine = pgstream._engine() %}
    update {{ engine.catalog }} as st
    set {{ engine.unfinished }}, frontier = jsonb_build_object('sources', (
        select coalesce(jsonb_object_agg(
            d.source_relid::bigint::text, jsonb_build_object('lsn', {{ engine.position }}::text, 'snapshot_ts', '')
        ), '{}')
        from {{ engine.dependencies }} as d
        where d.{{ engine.id }} = st.{{ engine.id }} and d.source_type = 'TABLE'
    ))
    where st.{{ engine.id }} = {{ id }} and st.frontier is null;
{%- endmacro %}


{# The next refresh is a full one then, which leaves the mode as it is. #}
{% macro _forget_frontier(id) %}
    {%- set engine = pgstream._engine() -%}
    update {{ engine.catalog }} set frontier = null where {{ engine.id }} = {{ id }};
{%- endmacro %}


{# Up to where a stream table has read its sources: the position of its snapshot, and what their columns were then. #}
{% macro _set_frontier(id, oids, position) %}
    {%- set engine = pgstream._engine() -%}
    update {{ engine.catalog }} as st
    set frontier = jsonb_set(st.frontier, '{sources}', (
        select jsonb_object_agg(f.key, case
            when f.key = any ({{ pgstream._literal('{' ~ oids | join(',') ~ '}') }}::text[])
                then f.value || jsonb_build_object('lsn', {{ position }}, 'columns', {{ pgstream._columns_digest('f.key::oid') }})
            else f.value
        end)
        from jsonb_each(st.frontier -> 'sources') as f
    ))
    where st.{{ engine.id }} = {{ id }} and st.frontier -> 'sources' <> '{}';
{%- endmacro %}


{# For each table that a stream table reads, what decides how it can be refreshed. #}
{% macro _hazards(id, position) %}
    {%- set engine = pgstream._engine() -%}
    select
        n.nspname || '.' || c.relname as name,
        row_security_active(c.oid) as has_row_security,
        c.relkind = 'r' and exists (select from pg_catalog.pg_inherits as i where i.inhparent = c.oid) as has_children,
        coalesce(
            st.frontier #>> array['sources', d.source_relid::bigint::text, 'columns'] <> {{ pgstream._columns_digest('c.oid') }},
            false
        ) as is_altered,
        st.frontier #> array['sources', d.source_relid::bigint::text, 'columns'] is not null as is_noted,
        {{ pgstream._captures('d.source_relid') }} as is_captured,
        d.cdc_mode,
        (
            select b.relpersistence = 'u'
            from pg_catalog.pg_class as b
            where {{ pgstream._is_buffer() }}
        ) as is_unlogged,
        coalesce(
            (st.frontier #>> array['sources', d.source_relid::bigint::text, 'lsn'])::pg_lsn > {{ position }}::pg_lsn, false
        ) as is_ahead
    from {{ engine.catalog }} as st
    join {{ engine.dependencies }} as d using ({{ engine.id }})
    join pg_catalog.pg_class as c on c.oid = d.source_relid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where st.{{ engine.id }} = {{ id }} and d.source_type = 'TABLE'
{%- endmacro %}


{# Relations, as `(schema_name, name)` rows of `read`, that are neither sources of a stream table nor partitions or children of one. #}
{% macro _unknown_relations(id, read) %}
    {%- set engine = pgstream._engine() -%}
    with recursive family as (
        select c.oid, c.oid as member
        from ({{ read }}) as r (schema_name, name)
        join pg_catalog.pg_namespace as n on n.nspname = r.schema_name
        join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = r.name
        union
        select family.oid, i.inhparent
        from family
        join pg_catalog.pg_inherits as i on i.inhrelid = family.member
    )
    select n.nspname || '.' || c.relname as name
    from family
    join pg_catalog.pg_class as c on c.oid = family.oid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    group by family.oid, n.nspname, c.relname
    having not bool_or(family.member in (select d.source_relid from {{ engine.dependencies }} as d where d.{{ engine.id }} = {{ id }}))
{%- endmacro %}


{# How many transactions ago a row was written, two billion at most. #}
{% macro _age(xid) -%}
    coalesce(nullif(greatest(age({{ xid }}), -1), -1), 2147483647)
{%- endmacro %}


{# The views of a stream table's query that were defined after it, however deep. #}
{% macro _replaced_views(id) %}
    {%- set engine = pgstream._engine() -%}
    with recursive views as (
        select d.source_relid as oid, d.xmin as noted
        from {{ engine.dependencies }} as d
        where d.{{ engine.id }} = {{ id }} and d.source_type = 'VIEW'
        union
        select c.oid, views.noted
        from views
        join pg_catalog.pg_rewrite as r on r.ev_class = views.oid
        join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass
        join pg_catalog.pg_class as c on c.oid = d.refobjid and c.relkind = 'v'
    )
    select distinct n.nspname || '.' || c.relname as name
    from views
    join pg_catalog.pg_rewrite as r on r.ev_class = views.oid
    join pg_catalog.pg_class as c on c.oid = views.oid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where {{ pgstream._age('r.xmin') }} < {{ pgstream._age('views.noted') }}
{%- endmacro %}


{# Whether every change of a source is captured: a SQL expression over its oid. #}
{% macro _captures(source) -%}
    coalesce((select t.present and not t.disabled from ({{ pgstream._engine().capture | replace('s.source_relid', source) }}) as t), false)
{%- endmacro %}


{# Whether the relation `b` is the change buffer of the source `d.source_relid`. #}
{% macro _is_buffer() -%}
    {%- set engine = pgstream._engine() -%}
    b.relname = {{ engine.buffer_name }} and b.relnamespace = to_regnamespace({{ pgstream._literal(engine.changes_schema) }})
{%- endmacro %}


{# The change buffers of some sources, with the lowest position that a reader of each is at. #}
{% macro _read_up_to(oids) %}
    {%- set engine = pgstream._engine() -%}
    select b.oid::bigint as oid, b.relname as name, min(f.lsn) as lsn
    from {{ engine.dependencies }} as d
    join {{ engine.catalog }} as st using ({{ engine.id }})
    cross join lateral (select (st.frontier #>> array['sources', d.source_relid::bigint::text, 'lsn'])::pg_lsn as lsn) as f
    join pg_catalog.pg_class as b on {{ pgstream._is_buffer() }}
    where d.source_relid = any ({{ pgstream._literal('{' ~ oids | join(',') ~ '}') }}::oid[]) and d.source_type = 'TABLE'
    group by b.oid, b.relname
    having min(f.lsn) is not null
    order by b.oid
{%- endmacro %}
