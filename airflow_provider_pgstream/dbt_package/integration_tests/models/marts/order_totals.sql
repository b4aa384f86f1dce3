select
    customer_id,
    sum(amount) as total_amount,
    count(*) as order_count
from {{ ref('orders') }}
group by customer_id
