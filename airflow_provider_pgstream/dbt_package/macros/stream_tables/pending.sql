{# The change buffers of one stream table's sources. #}
{% macro _buffers_of(id) %}
    {%- set engine = pgstream._engine() -%}
    {%- set query %}
        select d.source_relid::bigint as source, b.oid::bigint as oid, {{ pgstream._literal(engine.changes_schema) }} as schema, b.relname as name
        from {{ engine.dependencies }} as d
        join pg_catalog.pg_class as b on {{ pgstream._is_buffer() }}
        where d.{{ engine.id }} = {{ id }} and d.source_type = 'TABLE'
        order by d.source_relid
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}


{#
    Finds `v_pending`: whether changes wait that a stream table has not read, NULL where nobody knows. Known are the
    changes of tables: what a stream table that is read has got since is noted nowhere. Who cleans a buffer up truncates
    it, which an older snapshot sees as empty; so it is locked, for a moment, or writers would queue behind the clean-up.
#}
{% macro _pending_steps(seen, buffers) %}
    {%- set relations = seen.sources | rejectattr('kind', 'equalto', 'VIEW') | map(attribute='oid') | list -%}
    {%- set is_known = not relations | reject('in', buffers | map(attribute='source') | list) | list -%}
    {%- if not buffers %}
        v_pending := {{ 'false' if is_known else 'null' }};
    {%- else %}
        begin
            {%- for buffer in buffers %}
            {{ pgstream._lock_statement(buffer, 'access share') }}
            {%- endfor %}
            select case when bool_or(p.pending) then true when {{ is_known }} and bool_and(p.pending is not null) then false end
            into v_pending
            from ({% for buffer in buffers %}{{ pgstream._pending_of(seen.id, buffer) }}{{ ' union all ' if not loop.last }}{% endfor %}) as p;
            raise exception using errcode = 'PGSGO';
        exception when sqlstate 'PGSGO' then
            null;
        end;
    {%- endif %}
{%- endmacro %}


{# Without a frontier a table has read nothing since it was filled; but others may have had its changes cleaned away. #}
{% macro _pending_of(id, buffer) -%}
    {%- set engine = pgstream._engine() -%}
    {%- set name = pgstream._identifier(buffer.schema) ~ '.' ~ pgstream._identifier(buffer.name) -%}
    select case
        when f.lsn is not null then exists (select from {{ name }} as b where b.lsn > f.lsn)
        when not f.is_shared then exists (select from {{ name }} as b)
    end as pending
    from (
        select
            (st.frontier #>> array['sources', '{{ buffer.source }}', 'lsn'])::pg_lsn as lsn,
            exists (select from {{ engine.dependencies }} as o where o.source_relid = {{ buffer.source }}::oid and o.{{ engine.id }} <> st.{{ engine.id }}) as is_shared
        from {{ engine.catalog }} as st where st.{{ engine.id }} = {{ id }}
    ) as f
{%- endmacro %}
