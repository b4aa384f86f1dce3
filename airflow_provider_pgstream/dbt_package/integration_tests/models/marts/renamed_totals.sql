{{ config(stream_table_name='totals_by_day', stream_table_schema='shop_streams') }}
select ordered_at, count(*) as order_count
from {{ ref('orders') }}
group by ordered_at
