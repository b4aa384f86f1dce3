{# Fails where the stream table is missing, was never populated, or holds data older than that many seconds. #}
{% test stream_table_fresh(model, max_staleness_seconds=1800) %}
    {%- set limit = pgstream._seconds('stream_table_fresh: max_staleness_seconds', max_staleness_seconds) -%}
    {{ pgstream._problem_as_row(pgstream._table_under(model), 'fresh', limit) }}
{% endtest %}
