{#
    dbt's materialization `table` for tables that stream tables read: the table stays, and the difference between its rows
    and those of its query is written, which the engine captures as any other change. A project opts in with
    a materialization of its own that returns this one; dbt takes no such thing from a package.

    With other columns, and with --full-refresh, another table takes its place, as dbt does it but without renaming the old
    one, which engines refuse; the stream tables that read it are rebuilt by their own models.
#}
{% macro materialization_table_in_place() %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_table -%}
        {{ return(dbt.materialization_table_default()) }}
    {%- endif -%}
    {%- set table = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do pgstream._begin_after(pre_hooks) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}
    {%- set columns = [] if should_full_refresh() else pgstream._columns_that_stayed(table) -%}
    {%- if columns -%}
        {%- call statement('main') -%}
            {{ pgstream._write_difference(table, columns) }}
        {%- endcall -%}
        {%- do pgstream._update_indexes(table) -%}
    {%- else -%}
        {%- do pgstream._make_table_anew(table) -%}
    {%- endif -%}
    {%- do apply_grants(table, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=not columns)) -%}
    {%- do persist_docs(table, model) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [table]}) }}
{% endmacro %}


{# Puts what the query returns beside the table, and returns the quoted columns if they are those of the table; else none. #}
{% macro _columns_that_stayed(table) %}
    {%- call statement('pgstream_new_rows', auto_begin=true) -%}
        create temporary table pgstream_new on commit drop as ({{ get_select_subquery(sql) if config.get('contract').enforced else sql }}
        )
    {%- endcall -%}
    {%- set found = pgstream._rows(
        'select (' ~ pgstream._shape_of("'pg_temp.pgstream_new'::regclass") ~ ') as new, ('
        ~ pgstream._shape_of('to_regclass(' ~ pgstream._literal(table.include(database=false) | string) ~ ')') ~ ') as old'
    )[0] -%}
    {%- if found.new == found.old -%}
        {{ return(pgstream._quoted(found.new)) }}
    {%- endif -%}
    {%- call statement('pgstream_drop_new_rows') -%} drop table pg_temp.pgstream_new {%- endcall -%}
    {%- do pgstream._print(pgstream._qualified_name(table) ~ ' has other columns now: it is made anew, and what reads it is to be rebuilt') -%}
    {{ return([]) }}
{% endmacro %}


{% macro _quoted(columns) %}
    {%- set quoted = [] -%}
    {%- for column in columns -%}
        {%- do quoted.append(pgstream._identifier(column.name)) -%}
    {%- endfor -%}
    {{ return(quoted) }}
{% endmacro %}


{# Names, types and collations; of a contract, which declares lengths that its query does not have, the types only. #}
{% macro _shape_of(oid) -%}
    select coalesce(json_agg(json_build_object(
        'name', a.attname,
        'type', {{ 'format_type(a.atttypid, null)' if config.get('contract').enforced else 'format_type(a.atttypid, a.atttypmod)' }},
        'collation', a.attcollation::bigint
    ) order by a.attnum), '[]')
    from pg_catalog.pg_attribute as a
    where a.attrelid = {{ oid }} and a.attnum > 0 and not a.attisdropped
{%- endmacro %}


{# Rows are compared as text, because not every type has an equality (json), and counted, because they may be equal. #}
{% macro _write_difference(table, columns) %}
    {%- set list = columns | join(', ') %}
    create temporary table pgstream_difference on commit drop as
    select o.id as old, n.id as new
    from (select t.id, t.line, row_number() over (partition by t.line) as number from (select ctid as id, row({{ list }})::text as line from {{ table }}) as t) as o
    full join (select t.id, t.line, row_number() over (partition by t.line) as number from (select ctid as id, row({{ list }})::text as line from pg_temp.pgstream_new) as t) as n using (line, number)
    where o.id is null or n.id is null;
    delete from {{ table }} where ctid in (select old from pg_temp.pgstream_difference);
    insert into {{ table }} ({{ list }}) select {{ list }} from pg_temp.pgstream_new where ctid in (select new from pg_temp.pgstream_difference)
{%- endmacro %}


{% macro _make_table_anew(table) %}
    {%- set intermediate = make_intermediate_relation(table) -%}
    {%- do drop_relation_if_exists(load_cached_relation(intermediate)) -%}
    {%- call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate, sql) }}
    {%- endcall -%}
    {%- do create_indexes(intermediate) -%}
    {%- do adapter.drop_relation(table) -%}
    {%- do adapter.rename_relation(intermediate, table) -%}
{% endmacro %}
