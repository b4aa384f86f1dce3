{#
    Fails where the stream table is missing, paused, in error, fails again and again, was never populated, reads what is
    gone, or, with a limit, holds data older than that many seconds.
#}
{% test stream_table_healthy(model, max_staleness_seconds=none) %}
    {%- set limit = none if max_staleness_seconds is none else pgstream._seconds('stream_table_healthy: max_staleness_seconds', max_staleness_seconds) -%}
    {{ pgstream._problem_as_row(pgstream._table_under(model), 'healthy', limit) }}
{% endtest %}
