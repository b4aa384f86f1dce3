{# Carriers with fewer than 30 departures come last: one bad evening would put them first. #}
{{ config(materialized='view') }}

with totals as (
    select
        carrier,
        sum(flights) as flights,
        sum(departed) as departed,
        sum(delay_minutes) as delay_minutes,
        sum(delay_minutes) / nullif(sum(departed), 0) as mean_delay
    from {{ ref('carrier_delays') }}
    group by carrier
)

select
    rank() over (order by totals.departed >= 30 desc, totals.mean_delay desc nulls last) as place,
    totals.carrier,
    airlines.name as airline,
    totals.flights,
    totals.departed,
    totals.delay_minutes,
    round(totals.mean_delay, 1) as mean_delay
from totals
left join {{ source('raw', 'airlines') }} as airlines on airlines.carrier = totals.carrier
