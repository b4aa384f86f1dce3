{#
    The view at the model's own place that shows an overridden table, without the engine's columns, so that
    ref(), tests and docs find it. Replaces whatever else stands there. Returns the view, or none if none is needed.
#}
{% macro _create_passthrough_view(table) %}
    {%- if pgstream._is_at_own_place(table) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- if not pgstream._is_passthrough_view(view, table) -%}
        {%- set found = pgstream._find(view) -%}
        {%- set steps -%}
            {%- if found.kind is not none -%}
                {%- do adapter.cache_dropped(view) -%}
                {{ pgstream._drop_steps(view, found) }}
            {%- endif %}
            create view {{ view.include(database=false) }} as
            select {{ pgstream._columns_of(table) | join(', ') }}
            from {{ table.include(database=false) }};
        {%- endset -%}
        {%- call statement('pgstream_passthrough_view', auto_begin=true) -%}
            {{ pgstream._attempt(table, 'shown as view ' ~ pgstream._qualified_name(view), steps) }}
        {%- endcall -%}
    {%- endif -%}
    {{ return(view) }}
{% endmacro %}


{% macro _is_passthrough_view(view, table) %}
    {%- set query %}
        select exists (
            select
            from pg_catalog.pg_rewrite as r
            join pg_catalog.pg_class as c on c.oid = r.ev_class and c.relkind = 'v'
            join pg_catalog.pg_depend as d on d.objid = r.oid and d.classid = 'pg_catalog.pg_rewrite'::regclass
            where c.oid = to_regclass({{ pgstream._literal(view.include(database=false) | string) }})
                and d.refobjid = to_regclass({{ pgstream._literal(table.include(database=false) | string) }})
        ) as yes
    {%- endset -%}
    {{ return(pgstream._rows(query)[0].yes) }}
{% endmacro %}
