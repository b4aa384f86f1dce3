{{ config(materialized='table') }}
select order_totals.customer_id, order_totals.total_amount, customer_totals.name
from {{ ref('order_totals') }} as order_totals
join {{ ref('customer_totals') }} as customer_totals on customer_totals.id = order_totals.customer_id
