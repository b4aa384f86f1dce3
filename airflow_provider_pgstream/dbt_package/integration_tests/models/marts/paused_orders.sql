{{ config(status='PAUSED') }}
select id, amount
from {{ ref('orders') }}
where amount > 10
