{# Fails where the stream table is missing, was never populated, or holds data older than that many seconds. #}
{% test stream_table_fresh(model, max_staleness_seconds=1800) %}
    {%- set engine = pgstream.engine() -%}
    {%- set table = pgstream.table_under(model) %}
    select wanted.name, st.data_timestamp, 'is missing, unpopulated or too old' as what
    from (values ({{ pgstream.literal(table.schema) }}, {{ pgstream.literal(table.identifier) }})) as wanted (schema_name, name)
    left join {{ engine.stream_tables }} as st
        on st.{{ engine.schema_name }} = wanted.schema_name and st.{{ engine.name }} = wanted.name
    where st.data_timestamp >= clock_timestamp() - make_interval(secs => {{ max_staleness_seconds | float }}) is not true
{% endtest %}
