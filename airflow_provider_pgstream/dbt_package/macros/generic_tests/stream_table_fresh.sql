{# Fails where the stream table is missing, was never populated, or holds data older than that many seconds. #}
{% test stream_table_fresh(model, max_staleness_seconds=1800) %}
    {%- set engine = pgstream._engine() -%}
    {%- set table = pgstream._table_under(model) %}
    select wanted.name, {{ engine.fresh_as_of }}, 'is missing, unpopulated or too old' as what
    from (values ({{ pgstream._literal(table.identifier) }})) as wanted (name)
    left join {{ engine.catalog }} as st on {{ pgstream._is_row_of(table) }}
    where {{ engine.fresh_as_of }} >= clock_timestamp() - make_interval(secs => {{ max_staleness_seconds | float }}) is not true
{% endtest %}
