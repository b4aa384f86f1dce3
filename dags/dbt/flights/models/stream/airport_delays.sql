{# A stream table on a stream table, on no schedule of its own: whoever refreshes daily_delays refreshes this one next. #}
{{ config(schedule=none) }}

select
    origin,
    sum(flights) as flights,
    sum(departed) as departed,
    sum(delay_minutes) as delay_minutes,
    count(*) as days
from {{ ref('daily_delays') }}
group by origin
