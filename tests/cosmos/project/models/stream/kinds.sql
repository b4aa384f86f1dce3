{# On no schedule of its own, and without tests. #}
{{ config(schedule=none) }}

select kind, count(*) as orders
from {{ source('raw', 'orders') }}
group by kind
