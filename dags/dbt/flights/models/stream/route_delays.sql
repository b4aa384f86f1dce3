{# Computed anew by each refresh: the right choice where a join makes differences dear. The engine wants every column of
   `group by` in the result under its own name, so the missing names are filled in downstream. #}
{{ config(refresh_mode='FULL', schedule='15m') }}

select
    flights.origin,
    flights.dest,
    airports.name,
    count(*) as flights,
    count(flights.dep_delay) as departed,
    sum(flights.dep_delay) as delay_minutes
from {{ source('raw', 'flights') }} as flights
left join {{ source('raw', 'airports') }} as airports on airports.faa = flights.dest
group by flights.origin, flights.dest, airports.name
