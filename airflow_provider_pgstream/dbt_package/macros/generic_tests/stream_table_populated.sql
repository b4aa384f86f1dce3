{# Fails where the stream table is missing or was never populated. #}
{% test stream_table_populated(model) %}
    {%- set table = pgstream._table_under(model) %}
    select wanted.name, 'is not a populated stream table' as what
    from (values ({{ pgstream._literal(table.identifier) }})) as wanted (name)
    where not exists (
        select from {{ pgstream._engine().catalog }} as st
        where {{ pgstream._is_row_of(table) }} and st.is_populated
    )
{% endtest %}
