{#
    Compares a stream table with its own query, both ways. The refresh before it, in the same transaction, keeps lag
    from being taken for a difference; REPEATABLE READ keeps out what others commit meanwhile; and all of it is
    rolled back, because a refresh in such a transaction must never be kept.
#}
{% macro pgstream_verify(model_name, limit=10) %}
    {%- set table = pgstream.table_named('pgstream_verify', model_name) -%}
    {%- set found = pgstream.look_at_existing(table) -%}
    {%- if not found.is_populated -%}
        {{ exceptions.raise_compiler_error("stream table " ~ pgstream.engine_name(table) ~ " was never populated: dbt run-operation pgstream_refresh --args '{model_name: " ~ model_name ~ "}'") }}
    {%- endif -%}
    {%- set is_paused = found.status == 'SUSPENDED' -%}
    {%- do run_query('commit') -%}
    {%- do run_query('begin transaction isolation level repeatable read') -%}
    {%- if not is_paused -%}
        {%- set step = '            perform ' ~ pgstream.engine().refresh ~ '(' ~ pgstream.literal(pgstream.engine_name(table)) ~ ');' -%}
        {%- do run_query(pgstream.attempt(table, 'verified', step)) -%}
    {%- endif -%}
    {%- do run_query("set local search_path = " ~ pgstream.engine().search_path) -%}
    {%- set difference = pgstream.rows(pgstream.difference_query(table, found.query, limit | int))[0] -%}
    {%- do run_query('rollback') -%}
    {%- if difference.missing + difference.extra > 0 -%}
        {%- for example in difference.examples -%}
            {%- do pgstream.say(pgstream.engine_name(table) ~ ': ' ~ example.what ~ ' ' ~ tojson(example.row)) -%}
        {%- endfor -%}
        {{ exceptions.raise_compiler_error("stream table " ~ pgstream.engine_name(table) ~ " differs from its query: " ~ difference.missing ~ " rows are missing, " ~ difference.extra ~ " should not be there"
            ~ (" (it is paused: this may be lag)" if is_paused else ". dbt run-operation pgstream_repair --args '{model_name: " ~ model_name ~ "}' recomputes it")) }}
    {%- endif -%}
    {%- do pgstream.say(pgstream.engine_name(table) ~ ': OK it holds what its query gives' ~ (' (it is paused and was compared as it is)' if is_paused else '')) -%}
{% endmacro %}


{% macro difference_query(table, query, limit) %}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(table) if pgstream.identifier(column.name) in pgstream.columns_of(table) -%}
        {%- do columns.append(pgstream.comparable(column)) -%}
    {%- endfor -%}
    {%- set columns = columns | join(', ') -%}
    with wanted as (select {{ columns }} from (
{{ pgstream.engine_query(query) }}
    ) as q), held as (select {{ columns }} from {{ table.include(database=false) }}),
    missing as (select * from wanted except all select * from held),
    extra as (select * from held except all select * from wanted)
    select
        (select count(*) from missing) as missing,
        (select count(*) from extra) as extra,
        (
            select coalesce(json_agg(one), '[]')
            from (
                (select 'is missing' as what, row_to_json(missing) as row from missing limit {{ limit }})
                union all
                (select 'should not be there', row_to_json(extra) from extra limit {{ limit }})
            ) as one
        ) as examples
{% endmacro %}


{# json has no equality; sums of floats differ in their last digits by the order in which they were added. #}
{% macro comparable(column) %}
    {%- set name = pgstream.identifier(column.name) -%}
    {%- if column.dtype in ('json', 'xml', 'point') -%}
        {{ return(name ~ '::text as ' ~ name) }}
    {%- elif column.dtype in ('double precision', 'real') -%}
        {{ return("to_char(" ~ name ~ ", '9.99999999EEEE') as " ~ name) }}
    {%- endif -%}
    {{ return(name) }}
{% endmacro %}
