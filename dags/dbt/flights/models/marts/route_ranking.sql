{# Routes with fewer than 30 departures come last, as in carrier_ranking. #}
{{ config(materialized='table') }}

with routes as (
    select *, delay_minutes::numeric / nullif(departed, 0) as mean_delay
    from {{ ref('route_delays') }}
),

airports as (
    select origin, delay_minutes / nullif(departed, 0) as mean_delay
    from {{ ref('airport_delays') }}
)

select
    rank() over (order by routes.departed >= 30 desc, routes.mean_delay desc nulls last) as place,
    routes.origin,
    routes.dest,
    coalesce(routes.name, routes.dest) as destination,
    routes.flights,
    routes.departed,
    routes.delay_minutes,
    round(routes.mean_delay, 1) as mean_delay,
    round(routes.mean_delay - airports.mean_delay, 1) as above_airport
from routes
inner join airports on airports.origin = routes.origin
