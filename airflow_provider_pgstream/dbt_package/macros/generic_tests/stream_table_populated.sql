{# Fails where the stream table is missing or was never populated. #}
{% test stream_table_populated(model) %}
    {{ pgstream._problem_as_row(pgstream._table_under(model), 'populated') }}
{% endtest %}
