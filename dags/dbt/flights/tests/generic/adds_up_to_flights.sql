{# The flights counted in a model are those in raw.flights: none is lost, none is counted twice. #}
{% test adds_up_to_flights(model, column_name) %}

select counted.flights, loaded.flights as expected
from
    (select coalesce(sum({{ column_name }}), 0) as flights from {{ model }}) as counted,
    (select count(*) as flights from {{ source('raw', 'flights') }}) as loaded
where counted.flights <> loaded.flights

{% endtest %}
