{#
    The model's query as the engine is given it: with the text of the views that it reads in their place, nested ones
    too. dbt makes every view anew in every run, which an engine takes for the loss of a source; what it never saw cannot
    be lost. A view that really changed makes another text, and that is a changed query.

    A stream table that is read with a star is read by its own columns, without the engine's.
#}
{% macro _inline_views(query) %}
    {%- if pgstream._is_trial() or not pgstream._inline_setting() -%}
        {{ return(query) }}
    {%- endif -%}
    {%- set wanted = [] -%}
    {%- for relation in pgstream._relations_read(model) if relation.is_view or pgstream._has_star(query) -%}
        {%- do wanted.append(relation) -%}
    {%- endfor -%}
    {%- set inlined = namespace(query=query) -%}
    {%- if wanted -%}
        {%- for one in pgstream._definitions_of(wanted) -%}
            {%- set inlined.query = pgstream._replace_relation(inlined.query, one) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(inlined.query) }}
{% endmacro %}


{% macro _inline_setting() %}
    {%- set value = pgstream._setting_of(config, 'inline_views', true) -%}
    {%- if value is not boolean -%}
        {%- do pgstream._refuse_value(pgstream._key('inline_views'), value, 'true or false') -%}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}


{% macro _has_star(query) %}
    {{ return(modules.re.search('(?i)(?:\\bselect|\\bdistinct|\\ball|,|\\.)\\s*\\*', query) is not none) }}
{% endmacro %}


{# What a node's query names, with what ephemeral models in it name, as dbt's cache has it. #}
{% macro _relations_read(node) %}
    {%- set relations = [] -%}
    {%- for one in pgstream._nodes_read(node) -%}
        {%- set relation = adapter.get_relation(database=one.database, schema=one.schema, identifier=one.get('alias') or one.identifier) -%}
        {%- if relation is not none -%}
            {%- do relations.append(relation) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(relations) }}
{% endmacro %}


{# The nodes and sources that are relations, and those that stand in for them where a run defers to another one's. #}
{% macro _nodes_read(node) %}
    {%- set read = [] -%}
    {%- for id in (node.get('depends_on') or {}).get('nodes', []) -%}
        {%- set one = graph.nodes.get(id) or graph.sources.get(id) -%}
        {%- if one and (one.get('config') or {}).get('materialized') == 'ephemeral' -%}
            {%- do read.extend(pgstream._nodes_read(one)) -%}
        {%- elif one -%}
            {%- do read.append(one) -%}
            {%- if one.get('defer_relation') -%}
                {%- do read.append(one.defer_relation) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(read) }}
{% endmacro %}


{#
    Of relations, and of the views below them: what stands for each, and its names; the outermost first. PostgreSQL
    writes every name in full only while nothing is in its search path.
#}
{% macro _definitions_of(relations) %}
    {%- set places = [] -%}
    {%- for relation in relations -%}
        {%- do places.append('(' ~ pgstream._literal(relation.schema) ~ ', ' ~ pgstream._literal(relation.identifier) ~ ')') -%}
    {%- endfor -%}
    {%- set body %}
declare
    v_search_path constant text := current_setting('search_path');
begin
    perform set_config('search_path', '', true);
    perform set_config('pgstream.definitions', ({{ pgstream._definitions_query(places | join(', ')) }})::text, true);
    perform set_config('search_path', v_search_path, true);
end
    {% endset -%}
    {%- call statement('pgstream_definitions', fetch_result=true, auto_begin=true) -%}
        {{ pgstream._do_block(body) }};
        select current_setting('pgstream.definitions')
    {%- endcall -%}
    {{ return(fromjson(load_result('pgstream_definitions')['data'][0][0])) }}
{% endmacro %}


{# `definition` is none of a stream table; `columns` are a relation's own where the engine's are among them, else none. #}
{% macro _definitions_query(places) %}
    with recursive read (oid, level) as (
        select c.oid, case when c.relkind = 'v' then 1 else 0 end
        from (values {{ places }}) as named (schema, name)
        join pg_catalog.pg_namespace as n on n.nspname = named.schema
        join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = named.name
        union
        select c.oid, read.level + 1
        from read
        join pg_catalog.pg_rewrite as r on r.ev_class = read.oid
        join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> read.oid
        join pg_catalog.pg_class as c on c.oid = d.refobjid and c.relkind = 'v'
        where read.level > 0
    ),
    found as (
        select c.oid, c.relkind, n.nspname as schema, c.relname as name, max(read.level) as level, (
            select string_agg(quote_ident(a.attname), ', ' order by a.attnum) filter (where not {{ pgstream._is_internal('a.attname') }})
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            having bool_or({{ pgstream._is_internal('a.attname') }})
        ) as columns
        from read
        join pg_catalog.pg_class as c on c.oid = read.oid
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname not in ('pg_catalog', 'information_schema')
        group by c.oid, c.relkind, n.nspname, c.relname
    )
    select coalesce(json_agg(json_build_object(
        'schema', f.schema, 'name', f.name, 'columns', f.columns,
        'definition', case when f.relkind = 'v' then rtrim(pg_get_viewdef(f.oid), ';') end
    ) order by f.level, f.schema, f.name), '[]')
    from found as f
    where f.relkind = 'v' or f.columns is not null
{%- endmacro %}


{% macro _is_internal(name) -%}
    starts_with({{ name }}, {{ pgstream._literal(pgstream._engine().internal_prefix) }})
{%- endmacro %}


{# The query with what stands for one relation in its place; nothing within strings and comments is taken for it. #}
{% macro _replace_relation(query, one) %}
    {%- set name = pgstream._identifier(one.name) -%}
    {%- set text = '(' ~ (one.definition or '') | trim ~ ')' if one.definition else pgstream._identifier(one.schema) ~ '.' ~ name -%}
    {%- if one.columns -%}
        {%- set text = '(select ' ~ one.columns ~ ' from ' ~ text ~ (' as ' ~ name if one.definition else '') ~ ')' -%}
    {%- endif -%}
    {%- set pieces = [] -%}
    {%- set last = namespace(end=0) -%}
    {%- for match in modules.re.finditer(pgstream._relation_pattern(one), query) if match.group('relation') -%}
        {%- do pieces.append(query[last.end:match.start()]) -%}
        {#- The relation in front of a column's name is its alias from now on. -#}
        {%- do pieces.append(name ~ match.group('member') if match.group('member') else text ~ (match.group('alias') or ' as ' ~ name)) -%}
        {%- set last.end = match.end() -%}
    {%- endfor -%}
    {{ return(pieces | join ~ query[last.end:]) }}
{% endmacro %}


{# A pattern that finds the names of a relation, with the alias that follows, and passes over strings and comments. #}
{% macro _relation_pattern(one) %}
    {%- set ends = 'where|join|left|right|inner|full|cross|natural|on|using|group|order|having|limit|offset|union|except|intersect|window|fetch|for|tablesample' -%}
    {%- set database = pgstream._name_pattern(target.dbname) -%}
    {%- set blank = '(?:\\s|--[^\\n]*\\n|/\\*.*?\\*/)+' -%}
    {{ return(
        '(?s)(?<![\\w".$])(?P<relation>(?:' ~ database ~ '\\s*\\.\\s*)?' ~ pgstream._name_pattern(one.schema) ~ '\\s*\\.\\s*' ~ pgstream._name_pattern(one.name) ~ ')'
        ~ '(?:(?P<member>\\s*\\.)|(?P<alias>' ~ blank ~ '(?:(?i:as)' ~ blank ~ '|(?!(?i:' ~ ends ~ ')\\b))(?:"(?:[^"]|"")+"|[^\\W\\d][\\w$]*))|)'
        ~ "|--[^\\n]*|/\\*.*?\\*/|[eE]'(?:[^'\\\\]|''|\\\\.)*'|'(?:[^']|'')*'"
        ~ '|"(?:[^"]|"")*"|(?P<dollar>\\$(?:[^\\W\\d]\\w*)?\\$).*?(?P=dollar)|\\w+'
    ) }}
{% endmacro %}


{# An identifier as dbt or PostgreSQL may have written it: quoted, or without quotes where that is the same. #}
{% macro _name_pattern(name) %}
    {%- set quoted = modules.re.escape(pgstream._identifier(name)) -%}
    {{ return('(?:' ~ quoted ~ ('|(?i:' ~ modules.re.escape(name) ~ ')(?![\\w$])' if modules.re.fullmatch('[a-z_][a-z0-9_$]*', name) else '') ~ ')') }}
{% endmacro %}
