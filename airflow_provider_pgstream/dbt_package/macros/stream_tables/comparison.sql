{#
    The comparison of a stream table with its query by the provider's rules: duplicates, NULLs and floats included.
    Floats are equal within a relative tolerance; a type that has no order, as json or an array of it, is compared as
    text; all others by their own equality.
#}


{# The table's own columns: whether floats, and whether what they are made of has an order. #}
{% macro _compared_columns(oid) %}
    {%- set query %}
        with recursive resolved as (
            select a.attnum, a.attname, a.atttypid as typid
            from pg_catalog.pg_attribute as a
            where a.attrelid = {{ oid }}::oid and a.attnum > 0 and not a.attisdropped
                and not starts_with(a.attname, {{ pgstream._literal(pgstream._engine().internal_prefix) }})
            union all
            select r.attnum, r.attname, case t.typtype when 'd' then t.typbasetype else t.typelem end
            from resolved as r
            join pg_catalog.pg_type as t on t.oid = r.typid
            where t.typtype = 'd' or (t.typcategory = 'A' and t.typelem <> 0)
        )
        select
            r.attname as name,
            t.typname in ('float4', 'float8') and not exists (
                select
                from resolved as o
                join pg_catalog.pg_type as ot on ot.oid = o.typid
                where o.attnum = r.attnum and ot.typcategory = 'A'
            ) as is_float,
            t.typtype in ('e', 'r', 'm') or exists (
                select
                from pg_catalog.pg_opclass as o
                join pg_catalog.pg_am as m on m.oid = o.opcmethod
                where m.amname = 'btree' and o.opcdefault
                    and (o.opcintype = t.oid or exists (
                        select
                        from pg_catalog.pg_cast as c
                        where c.castsource = t.oid and c.casttarget = o.opcintype
                            and c.castmethod = 'b' and c.castcontext = 'i'
                    ))
            ) as is_comparable
        from resolved as r
        join pg_catalog.pg_type as t on t.oid = r.typid
        where not (t.typtype = 'd' or (t.typcategory = 'A' and t.typelem <> 0))
        order by r.attnum
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}


{# One row: `surplus` and `missing`, and examples of both. #}
{% macro _comparison(table, query, columns, limit, tolerance=1e-9) %}
    {%- set names = [] -%}
    {%- set values = [] -%}
    {%- set ids = [] -%}
    {%- set shown = [] -%}
    {%- for column in columns -%}
        {%- set id = 'c' ~ loop.index0 -%}
        {%- set name = pgstream._identifier(column.name) -%}
        {%- do names.append(name) -%}
        {%- do values.append('held.' ~ name ~ ('' if column.is_comparable else '::text') ~ ' as ' ~ id) -%}
        {%- do ids.append(id) -%}
        {%- do shown.append('u.' ~ id ~ ' as ' ~ name) -%}
        {%- do column.update({'id': id}) -%}
    {%- endfor -%}
    {%- set floats = columns | selectattr('is_float') | map(attribute='id') | list -%}
    {%- set others = columns | rejectattr('is_float') | map(attribute='id') | list -%}
    {%- set example = 'left((select row_to_json(__example)::text from (select ' ~ shown | join(', ') ~ ') as __example), 1000)' %}
    with compared as (
        select {{ values | join(', ') }}, 1 as side from only {{ table.include(database=false) }} as held
        union all
        select {{ values | join(', ') }}, -1 as side from ({{ query }}
        ) as held ({{ names | join(', ') }})
    ),
    differing as materialized (
        select {{ ids | join(', ') }}, sum(side) as surplus from compared group by {{ ids | join(', ') }} having sum(side) <> 0
    ),
    {{ pgstream._paired_by_floats(floats, others, tolerance) if floats else 'unmatched as (select d.*, sign(surplus) as side, abs(surplus) as times from differing as d)' }}
    select
        coalesce((select sum(times) from unmatched where side > 0), 0)::bigint as surplus,
        coalesce((select sum(times) from unmatched where side < 0), 0)::bigint as missing,
        array(select {{ example }} from unmatched as u where side > 0 limit {{ limit }}) as surplus_examples,
        array(select {{ example }} from unmatched as u where side < 0 limit {{ limit }}) as missing_examples
{%- endmacro %}


{# Pairs rows whose other columns are equal, in the order of their floats: close pairs are equal. #}
{% macro _paired_by_floats(floats, others, tolerance) %}
    {%- set close = [] -%}
    {%- for c in floats -%}
        {#- As numeric, which neither over- nor underflows. -#}
        {%- do close.append('(n.' ~ c ~ ' is not distinct from o.' ~ c ~ ' or coalesce('
            ~ 'abs(n.' ~ c ~ ") < 'infinity' and abs(o." ~ c ~ ") < 'infinity'"
            ~ ' and abs(n.' ~ c ~ '::text::numeric - o.' ~ c ~ '::text::numeric) <= ' ~ tolerance ~ '::numeric'
            ~ ' * greatest(abs(n.' ~ c ~ '::text::numeric), abs(o.' ~ c ~ '::text::numeric)), false))') -%}
    {%- endfor -%}
    single as (
        select d.*, sign(surplus) as side, dense_rank() over (order by {{ others | join(', ') or 'true' }}) as twins
        from differing as d, generate_series(1, abs(surplus)::int)
    ),
    numbered as (
        select s.*, row_number() over (partition by twins, side order by {{ floats | join(', ') }}) as place from single as s
    ),
    unmatched as (
        select n.*, 1 as times
        from numbered as n
        left join numbered as o on o.twins = n.twins and o.place = n.place and o.side = -n.side
        where o.twins is null or not ({{ close | join(' and ') }})
    )
{%- endmacro %}
