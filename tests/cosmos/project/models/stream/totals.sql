{# Created empty: whoever gates it must see to it that it is populated. Lies in shop_live under another name. #}
{{ config(initialize=false, alias='order_totals') }}

select customer, sum(amount) as amount, count(*) as orders
from {{ source('raw', 'orders') }}
group by customer
