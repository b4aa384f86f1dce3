{{ config(refresh_mode='FULL', schedule='1h') }}
-- A join, recomputed in full on each refresh.
select customers.id, customers.name, coalesce(sum(orders.amount), 0) as total_amount
from {{ ref('customers') }} as customers
left join {{ ref('orders') }} as orders on orders.customer_id = customers.id
group by customers.id, customers.name
