{# Where the stream table of a model lives: at the model's own place, unless its configuration says otherwise. #}
{% macro table_of(node) %}
    {%- set schema = pgstream.setting_of(node.config, 'stream_table_schema', none) or node.schema -%}
    {%- set name = pgstream.setting_of(node.config, 'stream_table_name', none) or node.alias -%}
    {{ return(api.Relation.create(database=node.database, schema=schema, identifier=name, type='table')) }}
{% endmacro %}


{# Whether it stands where dbt expects the model. #}
{% macro is_at_home(table) %}
    {{ return(table.schema == this.schema and table.identifier == this.identifier) }}
{% endmacro %}


{# The engine looks its own tables up unquoted and splits a name at its first dot. #}
{% macro refuse_name(table) %}
    {%- for key, name in [('schema', table.schema), ('name', table.identifier)] -%}
        {%- if name is not string or modules.re.search('[A-Z.\\s]', name) or name | length == 0 or name.encode('utf-8') | length > 63 -%}
            {{ exceptions.raise_compiler_error("model " ~ model.name ~ ": the engine cannot hold a stream table whose " ~ key ~ " is '" ~ name ~ "': expected 1 to 63 bytes without A to Z, dots and blanks; set alias and schema, or stream_table_name and stream_table_schema") }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{# dbt itself refuses two models of one relation; it does not know of places that only we give. #}
{% macro refuse_collision(table) %}
    {%- if pgstream.is_at_home(table) -%}
        {{ return('') }}
    {%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') and node.unique_id != model.unique_id -%}
        {%- set places = [(node.schema, node.alias)] -%}
        {%- if node.config.materialized == 'stream_table' -%}
            {%- set other = pgstream.table_of(node) -%}
            {%- do places.append((other.schema, other.identifier)) -%}
        {%- endif -%}
        {%- if (table.schema, table.identifier) in places and node.config.materialized != 'ephemeral' -%}
            {{ exceptions.raise_compiler_error("model " ~ model.name ~ ": its stream table " ~ pgstream.engine_name(table) ~ " would take the place of " ~ node.resource_type ~ " " ~ node.name ~ ": change stream_table_name or stream_table_schema") }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{#
    The view at the model's own place that passes an overridden table on, without the engine's columns, so that
    ref(), tests and docs find it. Replaces whatever else stands there. Returns the view, or none if none is needed.
#}
{% macro pass_on(table) %}
    {%- if pgstream.is_at_home(table) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- if not pgstream.passes_on(view, table) -%}
        {%- set there = pgstream.look(view) -%}
        {%- set steps -%}
            {%- if there.kind is not none -%}
                {%- do adapter.cache_dropped(view) -%}
                {{ pgstream.drop_steps(view, there) }}
            {%- endif %}
            create view {{ view.include(database=false) }} as
            select {{ pgstream.columns_of(table) | join(', ') }}
            from {{ table.include(database=false) }};
        {%- endset -%}
        {%- call statement('pgstream_pass_on', auto_begin=true) -%}
            {{ pgstream.attempt(table, 'passed on as ' ~ pgstream.engine_name(view), steps) }}
        {%- endcall -%}
    {%- endif -%}
    {{ return(view) }}
{% endmacro %}


{% macro passes_on(view, table) %}
    {%- set query %}
        select exists (
            select
            from pg_catalog.pg_rewrite as r
            join pg_catalog.pg_class as c on c.oid = r.ev_class and c.relkind = 'v'
            join pg_catalog.pg_depend as d on d.objid = r.oid and d.classid = 'pg_catalog.pg_rewrite'::regclass
            where c.oid = to_regclass({{ pgstream.literal(view.include(database=false) | string) }})
                and d.refobjid = to_regclass({{ pgstream.literal(table.include(database=false) | string) }})
        ) as yes
    {%- endset -%}
    {{ return(pgstream.rows(query)[0].yes) }}
{% endmacro %}
