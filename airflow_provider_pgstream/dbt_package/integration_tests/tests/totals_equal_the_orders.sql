select stream.total, raw.total
from (select sum(total_amount) as total from {{ ref('order_totals') }}) as stream
cross join (select sum(amount) as total from {{ ref('orders') }}) as raw
where stream.total is distinct from raw.total
