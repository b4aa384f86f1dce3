{{ config(initialize=false, wait_for_populated=30) }}
select ordered_at, sum(amount) as total_amount
from {{ ref('orders') }}
group by ordered_at
