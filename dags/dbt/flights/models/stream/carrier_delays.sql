{# A differential aggregate: a refresh reads the month that was loaded, not the whole table. #}
{{ config(refresh_mode='DIFFERENTIAL') }}

select
    carrier,
    month,
    count(*) as flights,
    count(dep_delay) as departed,
    sum(dep_delay) as delay_minutes
from {{ source('raw', 'flights') }}
group by carrier, month
