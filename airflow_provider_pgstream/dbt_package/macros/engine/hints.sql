{# What to do about an error of the engine's: a SQL expression over its text and its code. #}
{% macro hint_for(message, code) %}
    {{ return(adapter.dispatch('hint_for', 'pgstream')(message, code)) }}
{% endmacro %}


{% macro default__hint_for(message, code) %}
    {%- set hints = [
        ('column "[0-9]+" does not exist', 'the engine does not understand GROUP BY 1: write the column or the expression itself after GROUP BY'),
        ('count\(\*\) must be used to call', 'the engine inlines views and breaks count(*) over them: write count(1), or read the table behind the view'),
        ('LIMIT is not supported|OFFSET is not supported', 'a stream table holds its whole result: leave LIMIT and OFFSET to whoever reads it'),
        ('must have a FROM clause', "let the query read a table, or use materialized='table'"),
        ('materialized view', "use refresh_mode='FULL', or read the tables behind the materialized view"),
        ('foreign table', "use refresh_mode='FULL'"),
        ('unsupported operator for DIFFERENTIAL', "use refresh_mode='FULL', or write the query without it"),
        ('char boundary', "the engine cannot read a query with a letter outside ASCII, not even in a comment: write escapes, U&'gr\\00f6\\00dfe'"),
        ('__pgs_row_id.* specified more than once|column reference "__pgs|SpiTupleTable positioned', 'a stream table that reads another must not take its internal columns along (select {{ pgstream.star(ref(...)) }} instead of *), and every name in the query needs its schema'),
        ('INSERT has more expressions', 'this table was laid out for another refresh mode: run dbt with --full-refresh'),
        ('invalid (duration|cron|schedule)|schedule.*(minimum|shortest|least)', 'a schedule is a duration (90s, 5m, 1h30m), a cron expression of 5 to 7 fields, an alias such as @hourly, or null'),
        ('is suspended', "it is paused: dbt run-operation pgstream_resume --args '{model_name: ...}', or leave it out"),
        ('refresh skipped', 'another session is refreshing it: try again when that has ended'),
        ('cycle detected', 'a stream table cannot read itself, not even through others'),
    ] -%}
    {%- set lines = [] -%}
    {%- for pattern, hint in hints -%}
        {%- do lines.append("when " ~ message ~ " ~* " ~ pgstream.literal(pattern) ~ " then " ~ pgstream.literal(hint)) -%}
    {%- endfor -%}
    {{ return("case " ~ lines | join('\n') ~ "\nwhen " ~ code ~ " = '42501' then 'the role that dbt connects as must own the stream table and may need USAGE on schema pgstream: ask for the GRANT'\nend") }}
{% endmacro %}
