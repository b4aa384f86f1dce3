{#
    Warns of a differential query of one table, which neither groups nor joins and does not return the primary key, where
    the engine goes wrong by it: the plan tells.
#}
{% macro _warn_of_missing_key(query, settings) %}
    {%- if not pgstream._engine().needs_key or settings.refresh_mode not in ('DIFFERENTIAL', 'AUTO') -%}
        {{ return('') }}
    {%- endif -%}
    {%- call statement('pgstream_plan', fetch_result=true, auto_begin=true) -%}
        explain (verbose, format json) {{ query }}
    {%- endcall -%}
    {%- set found = load_result('pgstream_plan')['data'][0][0] -%}
    {%- set plan = (fromjson(found) if found is string else found)[0]['Plan'] -%}
    {%- set nodes = [] -%}
    {%- do pgstream._collect_nodes(plan, nodes) -%}
    {%- set transparent = ['Seq Scan', 'Index Scan', 'Index Only Scan', 'Bitmap Heap Scan', 'Append', 'Gather', 'Sort', 'Result', 'Subquery Scan', 'Gather Merge', 'Bitmap Index Scan'] -%}
    {%- set tables = [] -%}
    {%- for node in nodes if 'Relation Name' in node and (node['Schema'], node['Relation Name']) not in tables -%}
        {%- do tables.append((node['Schema'], node['Relation Name'])) -%}
    {%- endfor -%}
    {%- if tables | length != 1 or nodes | rejectattr('Node Type', 'in', transparent) | list -%}
        {{ return('') }}
    {%- endif -%}
    {%- set returned = [] -%}
    {%- for column in plan.get('Output', []) -%}
        {%- do returned.append(column.split('.')[-1].strip('"')) -%}
    {%- endfor -%}
    {%- set missing = pgstream._rows(pgstream._primary_key_of(tables[0])) | map(attribute='name') | reject('in', returned) | list -%}
    {%- if missing -%}
        {%- do exceptions.warn('model ' ~ model.name ~ ' does not return ' ~ missing | join(', ') ~ ', the primary key of ' ~ tables[0] | join('.') ~ ': rows that are updated or deleted there may stay in its stream table. Add the key to the query, or configure refresh_mode: FULL') -%}
    {%- endif -%}
{% endmacro %}


{% macro _collect_nodes(node, nodes) %}
    {%- do nodes.append(node) -%}
    {%- for child in node.get('Plans', []) -%}
        {%- do pgstream._collect_nodes(child, nodes) -%}
    {%- endfor -%}
{% endmacro %}


{% macro _primary_key_of(table) %}
    select a.attname::text as name
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indisprimary and n.nspname = {{ pgstream._literal(table[0]) }} and c.relname = {{ pgstream._literal(table[1]) }}
    order by a.attnum
{%- endmacro %}
